package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.Fixtures
import java.io.ByteArrayInputStream
import java.io.FileNotFoundException
import java.io.InputStream
import org.json.JSONObject

/** A bundle of 1000 classes whose one network file is no network; [files] may be altered. */
class MemoryBundle : BundleSource {
    val labels = List(1000) { "label $it\n" }.joinToString("")
    val network = "the bytes of a network".toByteArray()
    val files = mutableMapOf("labels.txt" to labels.toByteArray(), NETWORK to network)

    init {
        describe(labels)
    }

    /** Have the manifest say that these are the labels, and what [change] says. */
    fun describe(text: String, change: (JSONObject) -> Unit = {}) {
        val manifest = JSONObject(Fixtures.text("manifests/good.json"))
        manifest.getJSONObject("labels").put("sha256", Sha256.of(text.toByteArray()))
        val artifacts = manifest.getJSONArray("artifacts")
        for (place in 0 until artifacts.length()) {
            artifacts.getJSONObject(place)
                .put("file", NETWORK)
                .put("bytes", network.size)
                .put("sha256", Sha256.of(network))
        }
        change(manifest)
        files["manifest.json"] = manifest.toString().toByteArray()
    }

    override fun names() = listOf("broken", "whole")

    override fun open(name: String, file: String): InputStream {
        val bytes = files[file].takeIf { name == "whole" } ?: throw FileNotFoundException(file)
        return ByteArrayInputStream(bytes)
    }

    companion object {
        const val NETWORK = "network"
    }
}
