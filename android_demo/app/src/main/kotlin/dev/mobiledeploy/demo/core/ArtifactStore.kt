package dev.mobiledeploy.demo.core

import java.io.File
import java.io.IOException

/**
 * Artifacts as plain files, which the runtimes want, named by their hashes.
 *
 * A file is copied beside its place and renamed once its hash agrees and the disk has it: one that
 * is there in full length is whole.
 */
class ArtifactStore(private val folder: File) {
    /**
     * Throws [BundleException] where the bytes differ or are missing, IOException where the disk is
     * full. An imported bundle's artifacts are files already, and are taken where they lie.
     */
    fun fileOf(bundle: Bundle, artifact: Artifact): File {
        bundle.file(artifact)?.let { if (it.length() == artifact.bytes) return it }
        val file = File(folder, nameOf(artifact))
        if (file.length() != artifact.bytes) copy(bundle, artifact, file)
        return file
    }

    /** Remove what no artifact of [bundles] needs: an update of the app brings other bundles. */
    fun sweep(bundles: List<Bundle>) {
        val needed = bundles.flatMap { it.manifest.artifacts }.map(::nameOf).toSet()
        folder.listFiles().orEmpty().filter { it.name !in needed }.forEach(File::delete)
    }

    private fun nameOf(artifact: Artifact) = "${artifact.record.sha256}.${artifact.format.word}"

    private fun copy(bundle: Bundle, artifact: Artifact, file: File) {
        folder.mkdirs()
        val part = File(folder, "${file.name}.part")
        try {
            val sha256 = bundle.open(artifact).use { from ->
                part.outputStream().use { to ->
                    Sha256.read(from) { bytes, count -> to.write(bytes, 0, count) }
                        .also { to.fd.sync() }
                }
            }
            if (sha256 != artifact.record.sha256) {
                val what = "${artifact.record.file} is not what the manifest says"
                throw BundleException(BundleProblem.Broken(what))
            }
            if (!part.renameTo(file)) throw IOException("cannot rename $part")
        } finally {
            part.delete()
        }
    }
}
