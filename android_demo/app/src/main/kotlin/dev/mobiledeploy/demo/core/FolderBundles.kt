package dev.mobiledeploy.demo.core

import java.io.File
import java.io.InputStream

/** Bundles that lie in a folder of the phone. Names that begin with a dot are no bundles. */
class FolderBundles(private val folder: File) : BundleSource {
    override fun names(): List<String> =
        folder.list().orEmpty().filter { !it.startsWith(".") }.sorted()

    override fun open(name: String, file: String): InputStream =
        File(folder, "$name/$file").inputStream()

    override fun file(name: String, file: String): File? = File(folder, "$name/$file")
}

/** The bundles of both; one of [first] hides one of that name in [second]. */
class JoinedBundles(private val first: BundleSource, private val second: BundleSource) :
    BundleSource {
    override fun names(): List<String> = (first.names() + second.names()).distinct().sorted()

    override fun open(name: String, file: String): InputStream = of(name).open(name, file)

    override fun file(name: String, file: String): File? = of(name).file(name, file)

    private fun of(name: String) = if (name in first.names()) first else second
}
