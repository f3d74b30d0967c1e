package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.Sha256
import java.io.File
import java.io.FileNotFoundException

/** A file that the harness has laid down or is to fetch. */
data class BenchFile(val name: String, val bytes: Long, val sha256: String)

/** The files of [folder] for whoever is let in, by names of the protocol: none leads out. */
class BenchFiles(private val folder: File) {
    /** All, or the one called [name]; by name. */
    fun list(name: String?): List<BenchFile> =
        named(name).map { BenchFile(it.name, it.length(), Sha256.of(it)) }

    /** Where the file called [name] is, or is to be, in a folder that is there. */
    fun place(name: String?): File {
        if (name == null || !Request.isName(name)) {
            throw IllegalArgumentException("no name of a file: $name")
        }
        folder.mkdirs()
        return File(folder, name)
    }

    /** The same of one that must be there. Throws FileNotFoundException. */
    fun existing(name: String?): File =
        place(name).also { if (!it.isFile) throw FileNotFoundException("$name is not there") }

    /** Remove all, or the one called [name]; how many there were. */
    fun remove(name: String?): Int = named(name).count(File::delete)

    private fun named(name: String?): List<File> = when (name) {
        null -> folder.listFiles().orEmpty().filter(File::isFile).sortedBy(File::getName)
        else -> listOf(place(name)).filter(File::isFile)
    }
}
