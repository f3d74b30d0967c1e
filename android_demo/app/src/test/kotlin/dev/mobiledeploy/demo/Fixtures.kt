package dev.mobiledeploy.demo

import dev.mobiledeploy.demo.core.RgbImage
import java.io.File
import javax.imageio.ImageIO
import org.json.JSONArray
import org.json.JSONObject
import org.json.JSONTokener

/** tests/fixtures of the repository, which the Python code has written and the Swift app shares. */
object Fixtures {
    private val folder = File(
        checkNotNull(System.getProperty("fixtures")) { "-Dfixtures must name tests/fixtures" },
    )

    fun file(path: String) = File(folder, path)

    fun text(path: String) = file(path).readText()

    fun json(path: String) = JSONObject(text(path))

    fun list(path: String): List<JSONObject> =
        (JSONTokener(text(path)).nextValue() as JSONArray).objects()

    /** The cases of a folder: its files' names without [suffix]. */
    fun names(path: String, suffix: String): List<String> =
        file(path).list().orEmpty().filter { it.endsWith(suffix) }.map { it.removeSuffix(suffix) }
            .sorted()
            .also { check(it.isNotEmpty()) { "no $suffix in $path" } }

    /** A picture as it is stored, whatever its metadata say. */
    fun picture(path: String): RgbImage {
        val decoded = ImageIO.read(file(path))
        val pixels = ByteArray(decoded.width * decoded.height * RgbImage.CHANNELS)
        var to = 0
        for (y in 0 until decoded.height) {
            for (x in 0 until decoded.width) {
                val color = decoded.getRGB(x, y)
                for (shift in listOf(16, 8, 0)) pixels[to++] = (color shr shift).toByte()
            }
        }
        return RgbImage(decoded.width, decoded.height, pixels)
    }
}

fun JSONArray.objects(): List<JSONObject> = List(length(), ::getJSONObject)

fun JSONArray.ints(): List<Int> = List(length(), ::getInt)

fun JSONArray.doubles(): List<Double> = List(length(), ::getDouble)
