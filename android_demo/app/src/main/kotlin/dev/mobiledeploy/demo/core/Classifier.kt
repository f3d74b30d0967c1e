package dev.mobiledeploy.demo.core

import java.io.File

/** A loaded network. One thread at a time. */
interface Classifier : AutoCloseable {
    /** The input: fill it, then [run]. */
    val input: NetworkInput

    /** One inference over [input]: a figure for each class. Throws [RunnerException]. */
    fun run(): FloatArray
}

/**
 * What to load: the file, how many threads (0 leaves it to the runtime), and its two ends; [pixels]
 * is null for an input of normalized float32.
 */
data class ClassifierSpec(
    val file: File,
    val threads: Int,
    val inputName: String,
    val outputName: String,
    val shape: List<Long>,
    val pixels: PixelBytes? = null,
) {
    /** How many numbers, or bytes, the input has. */
    val elements: Int get() = shape.fold(1L) { product, side -> product * side }.toInt()
}

/** What runs artifacts of one format; a new one is one more file and one more row. */
interface Runtime {
    val format: Format
    val name: String
    val version: String

    /** Throws [RunnerException]. */
    fun load(spec: ClassifierSpec): Classifier
}

/** What can go wrong with a runtime or a request: the benchmark protocol's closed list. */
enum class ErrorKind {
    BAD_REQUEST,
    NEWER_PROTOCOL,
    FILE_MISSING,
    FILE_DIFFERS,
    RUNTIME_MISSING,
    LOAD_FAILED,
    OPERATOR_MISSING,
    WRONG_SHAPE,
    RUN_FAILED,
    OUT_OF_MEMORY,
    CANCELLED,
    INTERNAL,
    ;

    /** As the protocol spells it. */
    val word = name.lowercase().replace('_', '-')
}

/** A failure with its kind; the message is in the runtime's own words where it has any. */
class RunnerException(val kind: ErrorKind, message: String, cause: Throwable? = null) :
    Exception(message, cause)
