package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.Fields
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.JsonProblem
import dev.mobiledeploy.demo.core.PixelBytes
import dev.mobiledeploy.demo.core.RunnerException

/** The version of the benchmark protocol that this app speaks. */
const val PROTOCOL_VERSION = 3

/** Of answers in which nothing is new: those without times before the network. */
const val PLAIN_ANSWER_VERSION = 1

/** A file beside the request, and its SHA-256. */
data class DeviceFile(val name: String, val sha256: String)

data class RequestedArtifact(
    val file: DeviceFile,
    val format: Format,
    val input: String,
    val output: String,
)

/** A golden photo as the network takes it: float32, little-endian, normalized; or its bytes. */
data class GoldenInput(val index: Int, val file: DeviceFile)

/** What the timed inferences are given. */
sealed interface TimedInput {
    /** One of the request's golden inputs, by its index. */
    data class Photo(val index: Int) : TimedInput

    /** Uniform numbers from -1 to 1, or uniform bytes. */
    data class Seed(val seed: Long) : TimedInput
}

/**
 * One block, to be run in a process of its own; [pixels] is null for an input of float32,
 * [preparation] where the app's own work is not to be timed.
 */
data class Request(
    val id: String,
    val artifact: RequestedArtifact,
    val threads: Int,
    val warmup: Int,
    val iterations: Int,
    val shape: List<Long>,
    val input: TimedInput,
    val golden: List<GoldenInput>,
    val sustained: Boolean,
    val pixels: PixelBytes?,
    val preparation: Preparation? = null,
) {
    /** How large the input is. */
    val bytes: Int get() = shape.fold(1L) { product, side -> product * side }.toInt() *
        (if (pixels == null) Float.SIZE_BYTES else 1)

    companion object {
        // Names are the harness's own: nothing in one could lead out of the folder.
        private val NAME = Regex("[a-z0-9][a-z0-9.-]{0,79}")
        private val SHA256 = Regex("[0-9a-f]{64}")
        private val FORMATS = mapOf(
            "xnnpack" to Format.EXECUTORCH,
            "onnxruntime-cpu" to Format.ONNX,
            "coreml" to Format.COREML,
        )

        private val COUNT = 0L..Fields.MOST
        private val INDEX = 0L..Int.MAX_VALUE.toLong()
        private val RUNS = 0L..1_000_000L

        // 256 MiB of float32, far more than a photo's.
        private const val MOST_ELEMENTS = 64L shl 20

        /** Whether [id] may name a block, and so a file. */
        fun isName(id: String): Boolean = NAME.matches(id)

        /** Throws [RunnerException]: bad-request, or newer-protocol before anything else is read. */
        fun parse(text: String): Request = try {
            val root = Fields.parse(text)
            val version = root.whole("schema_version", 1L..Fields.MOST)
            if (version > PROTOCOL_VERSION) {
                val what = "protocol $version, this app speaks $PROTOCOL_VERSION"
                throw RunnerException(ErrorKind.NEWER_PROTOCOL, "the request is of $what")
            }
            request(root)
        } catch (error: JsonProblem) {
            throw RunnerException(ErrorKind.BAD_REQUEST, "${error.message}", error)
        }

        private fun request(root: Fields): Request {
            val request = Request(
                id = root.text("id", NAME),
                artifact = artifact(root.child("artifact")),
                threads = root.whole("threads", 0L..64L).toInt(),
                warmup = root.whole("warmup", RUNS).toInt(),
                iterations = root.whole("iterations", 1L..RUNS.last).toInt(),
                shape = root.wholes("shape", 1L..MOST_ELEMENTS),
                input = input(root.child("input")),
                golden = root.children("golden").map(::golden),
                sustained = root.flag("sustained"),
                pixels = null,
            )
            val elements = request.shape.fold(1.0) { product, side -> product * side }
            root.require(request.shape.isNotEmpty() && elements <= MOST_ELEMENTS) {
                "has a shape that no network takes"
            }
            val indices = request.golden.map(GoldenInput::index)
            root.require(indices.distinct().size == indices.size) { "has a golden input twice" }
            val timed = request.input
            root.require(timed !is TimedInput.Photo || timed.index in indices) {
                "times a golden input that it does not name"
            }
            // Since version 2, and absent where the input is float32.
            val pixels = if (root.has("pixels")) {
                PixelBytes.of(root.child("pixels"), request.shape)
            } else {
                null
            }
            // Since version 3, and absent where nothing is asked.
            val preparation = if (root.has("preparation")) {
                Preparation.of(root.child("preparation"))
            } else {
                null
            }
            root.require(
                preparation == null || preparation.elements(pixels).toDouble() == elements,
            ) { "prepares another input than the network's" }
            return request.copy(pixels = pixels, preparation = preparation)
        }

        private fun artifact(fields: Fields): RequestedArtifact {
            val format = fields.choice("format", Format.entries, Format::word)
            fields.require(FORMATS[fields.text("backend")] == format) {
                "has a backend that does not run its format"
            }
            return RequestedArtifact(
                file = file(fields),
                format = format,
                input = fields.text("input"),
                output = fields.text("output"),
            )
        }

        private fun input(fields: Fields): TimedInput {
            val golden = fields.wholeOrNull("golden", INDEX)
            val seed = fields.wholeOrNull("seed", COUNT)
            fields.require((golden == null) != (seed == null)) { "must be one of golden and seed" }
            return if (golden != null) TimedInput.Photo(golden.toInt()) else TimedInput.Seed(seed!!)
        }

        private fun golden(fields: Fields) =
            GoldenInput(fields.whole("index", INDEX).toInt(), file(fields))

        private fun file(fields: Fields) =
            DeviceFile(fields.text("file", NAME), fields.text("sha256", SHA256))
    }
}
