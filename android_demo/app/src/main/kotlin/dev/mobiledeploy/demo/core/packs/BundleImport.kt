package dev.mobiledeploy.demo.core.packs

import dev.mobiledeploy.demo.core.Bundle
import dev.mobiledeploy.demo.core.BundleException
import dev.mobiledeploy.demo.core.BundleSource
import dev.mobiledeploy.demo.core.FileRecord
import dev.mobiledeploy.demo.core.FolderBundles
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.JsonProblem
import dev.mobiledeploy.demo.core.Manifest
import dev.mobiledeploy.demo.core.ManifestReader
import dev.mobiledeploy.demo.core.NewerSchema
import dev.mobiledeploy.demo.core.RgbImage
import dev.mobiledeploy.demo.core.Sha256
import java.io.File
import java.io.IOException

/**
 * Takes bundles out of packs into [folder], as much of each as an app with [formats] reads.
 *
 * Every size is compared with the manifest's before anything is written, every hash while it is. A
 * bundle is written beside its place and renamed: there is all of it or nothing.
 */
class BundleImport(private val folder: File, private val formats: Set<Format>) {
    /**
     * Put the bundle of the pack [file] in place of one of that name; returns its name.
     *
     * Throws [PackException] for what is refused, IOException where it cannot be read or written.
     */
    fun take(file: File): String = Pack.open(file).use { pack ->
        sweep()
        val manifest = manifest(pack)
        val files = files(manifest)
        check(files, pack.sizes)
        val part = File(folder, ".${pack.bundle}$PART")
        try {
            write(pack, "manifest.json", File(part, "manifest.json"))
            for ((record, _) in files) {
                val target = File(part, record.file)
                if (write(pack, record.file, target) != record.sha256) {
                    throw PackException(PackFault.HASH, "${record.file} has another SHA-256")
                }
            }
            prove(part)
            replace(part, File(folder, pack.bundle))
        } finally {
            part.deleteRecursively()
        }
        pack.bundle
    }

    /** Remove the bundle of that name, if it is there. */
    fun remove(name: String) {
        val there = File(folder, name)
        val hidden = File(folder, ".$name$PART")
        // Hidden first: half of a bundle must never be opened.
        if (name in FolderBundles(folder).names() && there.renameTo(hidden)) {
            hidden.deleteRecursively()
        }
    }

    /** Put right what an import left that was ended halfway. */
    fun sweep() {
        for (left in folder.listFiles().orEmpty().filter { it.name.startsWith(".") }) {
            val place = File(folder, left.name.drop(1).removeSuffix(OLD))
            if (!left.name.endsWith(OLD) || place.exists() || !left.renameTo(place)) {
                left.deleteRecursively()
            }
        }
    }

    private fun manifest(pack: Pack): Manifest {
        val size = pack.sizes.getValue("manifest.json")
        if (size > MOST_BYTES) {
            throw PackException(PackFault.SIZE, "manifest.json has $size bytes, far too many")
        }
        val text = String(pack.open("manifest.json").use { it.readBytes() }, Charsets.UTF_8)
        try {
            return ManifestReader.parse(text)
        } catch (error: NewerSchema) {
            val what = "it was made by a newer mobile-deploy than this app knows: update the app"
            throw PackException(PackFault.SCHEMA, "$what (${error.message})")
        } catch (error: JsonProblem) {
            throw PackException(PackFault.MANIFEST, "manifest.json: ${error.message}")
        }
    }

    /** What the app reads, each with its size in bytes; null where the manifest tells none. */
    private fun files(manifest: Manifest): List<Pair<FileRecord, Long?>> {
        val artifacts = manifest.artifacts.filter { it.format in formats }
        val (crop, golden) = manifest.preprocessing.crop to manifest.golden
        val pixels = crop.height.toLong() * crop.width * RgbImage.CHANNELS
        val logits = golden.crops.size.toLong() * manifest.network.classes * Float.SIZE_BYTES
        return artifacts.map { it.record to it.bytes } +
            golden.crops.map { it to pixels } +
            golden.logits.filterKeys { name -> artifacts.any { it.name == name } }
                .map { it.value to logits } +
            listOf(golden.floatLogits to logits, manifest.labels.record to null)
    }

    private fun check(files: List<Pair<FileRecord, Long?>>, sizes: Map<String, Long>) {
        for ((record, wanted) in files) {
            val size = sizes[record.file]
                ?: throw PackException(PackFault.MISSING, "${record.file} is missing")
            if (if (wanted == null) size > MOST_BYTES else size != wanted) {
                val limit = wanted ?: "at most $MOST_BYTES"
                val what = "${record.file} has $size bytes, not $limit"
                throw PackException(PackFault.SIZE, what)
            }
        }
    }

    /** Write an entry; returns its SHA-256. */
    private fun write(pack: Pack, path: String, target: File): String {
        target.parentFile?.mkdirs()
        return pack.open(path).use { from ->
            target.outputStream().use { to ->
                Sha256.read(from) { bytes, count -> to.write(bytes, 0, count) }
                    .also { to.fd.sync() }
            }
        }
    }

    /** What the sizes and hashes do not tell: that the labels are as many as the classes. */
    private fun prove(part: File) {
        try {
            Bundle.open(FolderBundle(part), part.name)
        } catch (error: BundleException) {
            throw PackException(PackFault.MANIFEST, "${error.problem}")
        }
    }

    private fun replace(part: File, target: File) {
        val old = File(folder, ".${target.name}$OLD")
        if (target.exists() && !target.renameTo(old)) throw IOException("cannot rename $target")
        if (!part.renameTo(target)) {
            old.renameTo(target)
            throw IOException("cannot rename $part")
        }
        old.deleteRecursively()
    }

    private class FolderBundle(private val folder: File) : BundleSource {
        override fun names() = listOf(folder.name)

        override fun open(name: String, file: String) = File(folder, file).inputStream()
    }

    private companion object {
        const val PART = ".part"
        const val OLD = ".old"
        const val MOST_BYTES = 16L shl 20
    }
}
