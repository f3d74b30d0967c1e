package dev.mobiledeploy.demo.core

import java.io.File
import java.nio.FloatBuffer

/** A loaded network. One thread at a time. */
interface Classifier : AutoCloseable {
    /** The input, float32 in the order channel, row, column: fill it, then [run]. */
    val input: FloatBuffer

    /** One inference over [input]: a figure for each class. Throws [RunnerException]. */
    fun run(): FloatArray
}

/** What to load: the file, how many threads (0 leaves it to the runtime), and its two ends. */
data class ClassifierSpec(
    val file: File,
    val threads: Int,
    val inputName: String,
    val outputName: String,
    val shape: List<Long>,
)

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
