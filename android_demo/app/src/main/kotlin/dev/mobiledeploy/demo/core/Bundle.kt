package dev.mobiledeploy.demo.core

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Where bundles lie: the app's assets, or a folder in tests. */
interface BundleSource {
    /** The names of the bundles, in order. */
    fun names(): List<String>

    /** Throws [FileNotFoundException] where the bundle has no such [file]. */
    fun open(name: String, file: String): InputStream

    /** The same as a file that a runtime can load where it lies; null where it is none. */
    fun file(name: String, file: String): File? = null
}

/** Why a bundle cannot be used. */
sealed interface BundleProblem {
    /** It was written by a newer `mobile-deploy` than this app knows. */
    data class TooNew(val schema: Long) : BundleProblem

    /** [what] is wrong with it, for those who built it. */
    data class Broken(val what: String) : BundleProblem

    /** Its artifacts need other runtimes than this app has. */
    data class NoRuntime(val needed: List<RuntimeNeeded>) : BundleProblem
}

class BundleException(val problem: BundleProblem) : Exception(problem.toString())

/** An opened bundle. What it reads it checks against the manifest's hashes. */
class Bundle private constructor(
    val name: String,
    val manifest: Manifest,
    val labels: List<String>,
    private val source: BundleSource,
) {
    /**
     * The bytes of the artifact's file, not checked: [ArtifactStore] does while it copies.
     *
     * Throws [BundleException] where it is missing.
     */
    fun open(artifact: Artifact): InputStream = try {
        source.open(name, artifact.record.file)
    } catch (_: FileNotFoundException) {
        throw broken("${artifact.record.file} is missing")
    }

    /** The artifact's file where it lies, checked when it came there; null where it is none. */
    fun file(artifact: Artifact): File? = source.file(name, artifact.record.file)

    /** The golden photo [index] as the network sees it. */
    fun goldenCrop(index: Int): RgbImage {
        val crop = manifest.preprocessing.crop
        val bytes = crop.height * crop.width * RgbImage.CHANNELS
        val record = manifest.golden.crops[index]
        return RgbImage(crop.width, crop.height, read(source, name, record, bytes))
    }

    /** The float network's logits, a row for each golden photo. */
    fun goldenFloatLogits(): List<FloatArray> = logits(manifest.golden.floatLogits)

    /** The logits of the artifact's own int8 program; null for one in float, which has none. */
    fun goldenLogits(artifact: Artifact): List<FloatArray>? =
        manifest.golden.logits[artifact.name]?.let(::logits)

    private fun logits(record: FileRecord): List<FloatArray> {
        val (rows, classes) = manifest.golden.crops.size to manifest.network.classes
        val values = ByteBuffer.wrap(read(source, name, record, rows * classes * Float.SIZE_BYTES))
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer()
        return List(rows) { FloatArray(classes).also { row -> values.get(row) } }
    }

    companion object {
        private const val MOST_BYTES = 16 shl 20

        /** Throws [BundleException] for what cannot be used, IOException where reading fails. */
        fun open(source: BundleSource, name: String): Bundle {
            val manifest = try {
                ManifestReader.parse(String(bytes(source, name, "manifest.json"), Charsets.UTF_8))
            } catch (error: NewerSchema) {
                throw BundleException(BundleProblem.TooNew(error.version))
            } catch (error: JsonProblem) {
                throw broken("manifest.json: ${error.message}")
            }
            val text = String(read(source, name, manifest.labels.record), Charsets.UTF_8)
            return Bundle(name, manifest, labels(text, manifest.labels.count), source)
        }

        private fun labels(text: String, count: Int): List<String> {
            val labels = text.removeSuffix("\n").split("\n")
            if (labels.size != count || labels.toSet().size != count || "" in labels) {
                throw broken("the labels are not $count distinct lines")
            }
            return labels
        }

        private fun read(
            source: BundleSource,
            name: String,
            record: FileRecord,
            size: Int? = null,
        ): ByteArray {
            val bytes = bytes(source, name, record.file)
            if (Sha256.of(bytes) != record.sha256 || size != null && bytes.size != size) {
                throw broken("${record.file} is not what the manifest says")
            }
            return bytes
        }

        private fun bytes(source: BundleSource, name: String, file: String): ByteArray {
            val bytes = ByteArrayOutputStream()
            try {
                source.open(name, file).use { stream ->
                    val chunk = ByteArray(1 shl 16)
                    while (true) {
                        val count = stream.read(chunk)
                        if (count < 0) return bytes.toByteArray()
                        bytes.write(chunk, 0, count)
                        if (bytes.size() > MOST_BYTES) throw broken("$file is far too large")
                    }
                }
            } catch (_: FileNotFoundException) {
                throw broken("$file is missing")
            }
        }

        private fun broken(what: String) = BundleException(BundleProblem.Broken(what))
    }
}
