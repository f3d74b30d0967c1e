package dev.mobiledeploy.demo.core

/** A manifest of a schema that this app does not know yet. */
class NewerSchema(val version: Long) : Exception("schema $version")

/** Reads manifest.json, which anyone may have written. */
object ManifestReader {
    const val SCHEMA_VERSION = 2L
    private const val PIXELS_VERSION = 2L

    private val SHA256 = Regex("[0-9a-f]{64}")
    private val NAME = Regex("[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
    private val PATH =
        Regex("(?=.{1,255}$)[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
    private val PRECISIONS = listOf("fp32", "fp16", "int8", "w8")
    private val QUANTIZED = listOf("int8", "w8")
    private val INPUTS = listOf("tensor", "image", "pixels")
    private val OUTPUTS = listOf("logits", "probabilities")
    private val RULES = listOf("exact", "at least")

    private val COUNT = 0L..Fields.MOST
    private val POSITIVE = 1L..Fields.MOST

    private val CLASSES = 1L..10_000_000L

    /** Throws [NewerSchema] before anything else is looked at, [JsonProblem] that names a field. */
    fun parse(text: String): Manifest {
        val root = Fields.parse(text)
        val version = root.whole("schema_version", POSITIVE)
        if (version > SCHEMA_VERSION) throw NewerSchema(version)
        val tool = root.child("tool")
        tool.choice("name", listOf("mobile-deploy")) { it }
        val manifest = Manifest(
            toolVersion = tool.text("version"),
            network = network(root.child("network")),
            weights = root.child("weights").text("source"),
            preprocessing = preprocessing(root.child("input")),
            labels = labels(root.child("labels")),
            calibrationPhotos = root.child("calibration").whole("photos", COUNT),
            toolkits = root.child("toolkits").texts(),
            artifacts = root.children("artifacts").map(::artifact),
            golden = golden(root.child("golden")),
        )
        return manifest.also { check(root, version, it) }
    }

    private fun network(fields: Fields) = Network(
        name = fields.text("name"),
        width = fields.numberOrNull("width"),
        classes = fields.whole("classes", CLASSES).toInt(),
        params = fields.whole("params", COUNT),
        macs = fields.whole("macs", COUNT),
    )

    private fun preprocessing(fields: Fields): Preprocessing {
        fields.choice("dtype", listOf("float32")) { it }
        fields.choice("layout", listOf("NCHW")) { it }
        fields.choice("colour_order", listOf("RGB")) { it }
        fields.choice("resize_filter", listOf("bilinear")) { it }
        val preprocessing = Preprocessing.of(fields)
        fields.require(fields.wholes("shape", Preprocessing.SIDE) == preprocessing.shape) {
            "has another shape than its crop"
        }
        return preprocessing
    }

    private fun labels(fields: Fields) =
        LabelsFile(record(fields), fields.whole("count", CLASSES).toInt())

    private fun record(fields: Fields, file: String = "file", sha256: String = "sha256") =
        FileRecord(fields.text(file, PATH), fields.text(sha256, SHA256))

    private fun artifact(fields: Fields): Artifact {
        val input = fields.child("input")
        val output = fields.child("output")
        val verified = fields.flag("verified")
        val reason = fields.textOrNull("unverified_reason")
        fields.require(verified == (reason == null)) { "must say why it is not verified" }
        val kind = input.choice("kind", INPUTS) { it }
        val shape = input.wholes("shape", POSITIVE)
        return Artifact(
            name = fields.text("name", NAME),
            record = record(fields),
            format = fields.choice("format", Format.entries, Format::word),
            precision = fields.choice("precision", PRECISIONS) { it },
            bytes = fields.whole("bytes", POSITIVE),
            runtime = runtime(fields.child("runtime")),
            takesTensor = kind == "tensor",
            inputName = input.text("name"),
            inputShape = shape,
            pixels = if (kind == "pixels") PixelBytes.of(input.child("pixels"), shape) else null,
            outputName = output.text("name"),
            givesLogits = output.choice("kind", OUTPUTS) { it } == "logits",
            measured = fields.childOrNull("measured")?.let(::measured),
            unverifiedReason = reason,
        )
    }

    private fun runtime(fields: Fields) = RuntimeNeeded(
        name = fields.text("name"),
        version = fields.text("version"),
        exact = fields.choice("rule", RULES) { it } == "exact",
    )

    private fun measured(fields: Fields): Measured {
        val agreement = fields.number("agreement")
        fields.require(agreement in 0.0..1.0) { "has an agreement that is no share" }
        return Measured(
            photos = fields.whole("photos", POSITIVE),
            agreement = agreement,
            sqnrDb = fields.numberOrNull("sqnr_db"),
        )
    }

    private fun golden(fields: Fields): Golden {
        val photos = fields.children("photos")
        fields.require(fields.whole("count", POSITIVE) == photos.size.toLong()) {
            "has another count than photos"
        }
        val logits = fields.children("logits").map { it.text("artifact", NAME) to record(it) }
        fields.require(logits.distinctBy { it.first }.size == logits.size) {
            "has logits of one artifact twice"
        }
        return Golden(
            crops = photos.map { record(it, "rgb", "rgb_sha256") },
            floatLogits = record(fields.child("logits_float")),
            logits = logits.toMap(),
        )
    }

    private fun check(root: Fields, version: Long, manifest: Manifest) {
        root.require(manifest.artifacts.isNotEmpty()) { "has no artifact" }
        val takesPixels = manifest.artifacts.any { it.pixels != null }
        root.require(!takesPixels || version >= PIXELS_VERSION) {
            "has pixels, which are of schema $PIXELS_VERSION"
        }
        root.require(manifest.network.classes == manifest.labels.count) {
            "has other numbers of classes and labels"
        }
        // File systems may not tell A from a.
        val names = manifest.artifacts.map { it.name.lowercase() }
        root.require(names.distinct().size == names.size) { "has an artifact twice" }
        val quantized = manifest.artifacts.filter { it.precision in QUANTIZED }.map { it.name }
        root.require(manifest.golden.logits.keys == quantized.toSet()) {
            "has golden logits of others than its int8 and w8 artifacts"
        }
    }
}
