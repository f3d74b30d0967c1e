package dev.mobiledeploy.demo.core

/** What a bundle holds and what is known of it: as much of manifest.json as an app needs. */
data class Manifest(
    val toolVersion: String,
    val network: Network,
    val weights: String,
    val preprocessing: Preprocessing,
    val labels: LabelsFile,
    val calibrationPhotos: Long,
    val toolkits: Map<String, String>,
    val artifacts: List<Artifact>,
    val golden: Golden,
)

/** The network before any conversion; [width] is null for one that has no such multiplier. */
data class Network(
    val name: String,
    val width: Double?,
    val classes: Int,
    val params: Long,
    val macs: Long,
)

/** A file of the bundle, by its path inside, and its SHA-256. */
data class FileRecord(val file: String, val sha256: String)

data class LabelsFile(val record: FileRecord, val count: Int)

enum class Format(val word: String) {
    EXECUTORCH("executorch"),
    ONNX("onnx"),
    COREML("coreml"),
}

/** The oldest runtime that loads an artifact; where [exact], that version and no other. */
data class RuntimeNeeded(val name: String, val version: String, val exact: Boolean)

/** Against the float network, on photos held back; [sqnrDb] is null where not a bit differs. */
data class Measured(val photos: Long, val agreement: Double, val sqnrDb: Double?)

/** A network file. [pixels] is null for one that takes none. [unverifiedReason] is null for one that passed every gate at build time. */
data class Artifact(
    val name: String,
    val record: FileRecord,
    val format: Format,
    val precision: String,
    val bytes: Long,
    val runtime: RuntimeNeeded,
    val takesTensor: Boolean,
    val inputName: String,
    val inputShape: List<Long>,
    val pixels: PixelBytes?,
    val outputName: String,
    val givesLogits: Boolean,
    val measured: Measured?,
    val unverifiedReason: String?,
)

/** Photos with known answers: crops, the float network's logits, and those of int8 programs. */
data class Golden(
    val crops: List<FileRecord>,
    val floatLogits: FileRecord,
    val logits: Map<String, FileRecord>,
)
