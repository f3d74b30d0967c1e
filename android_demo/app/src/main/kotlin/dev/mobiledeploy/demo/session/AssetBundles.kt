package dev.mobiledeploy.demo.session

import android.content.res.AssetManager
import dev.mobiledeploy.demo.core.BundleSource
import java.io.InputStream

/** The bundles that `mobile-deploy app android` has put into the app's assets. */
class AssetBundles(private val assets: AssetManager) : BundleSource {
    override fun names(): List<String> = assets.list(FOLDER).orEmpty().sorted()

    override fun open(name: String, file: String): InputStream = assets.open("$FOLDER/$name/$file")

    private companion object {
        const val FOLDER = "bundles"
    }
}
