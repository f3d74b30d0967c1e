package dev.mobiledeploy.demo.gallery

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import android.media.ExifInterface
import android.net.Uri
import dev.mobiledeploy.demo.core.Orientation
import dev.mobiledeploy.demo.core.PhotoException
import dev.mobiledeploy.demo.core.RgbImage
import dev.mobiledeploy.demo.core.sampleSize
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer

/** Reads photos that other apps offer, upright and small enough for the phone's memory. */
class PhotoReader(private val resolver: ContentResolver) {
    /** Throws [PhotoException] for what is no photo or is no longer offered. */
    fun read(photo: Uri): RgbImage {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        open(photo) { BitmapFactory.decodeStream(it, null, bounds) }
        if (bounds.outWidth <= 0 || bounds.outHeight <= 0) throw PhotoException("not a picture")
        val options = BitmapFactory.Options().apply {
            inSampleSize = sampleSize(bounds.outWidth, bounds.outHeight)
            inPreferredConfig = Bitmap.Config.ARGB_8888
            // Alpha is laid over white below, which the decoder's own way would darken.
            inPremultiplied = false
        }
        val bitmap = open(photo) { BitmapFactory.decodeStream(it, null, options) }
            ?: throw PhotoException("the picture is damaged")
        val stored = bitmap.toRgb()
        bitmap.recycle()
        return orientation(photo).apply(stored)
    }

    private fun orientation(photo: Uri): Orientation = try {
        val tag = open(photo) { stream ->
            ExifInterface(stream)
                .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)
        }
        Orientation.ofExif(tag)
    } catch (_: IOException) {
        // Formats without EXIF are as they are stored.
        Orientation.UPRIGHT
    }

    private fun <T> open(photo: Uri, read: (InputStream) -> T): T = offered(photo).use(read)

    private fun offered(photo: Uri): InputStream = try {
        resolver.openInputStream(photo) ?: throw PhotoException("nothing is there")
    } catch (error: SecurityException) {
        throw PhotoException("the other app no longer offers it: ${error.message}")
    } catch (error: FileNotFoundException) {
        throw PhotoException("the other app does not find it: ${error.message}")
    } catch (error: RuntimeException) {
        // Whatever the other app throws comes through to us.
        throw PhotoException("the other app failed: $error")
    }
}

/** The values as stored: getPixels would apply the colour profile, which training did not. */
private fun Bitmap.toRgb(): RgbImage {
    val rgba = ByteBuffer.allocate(rowBytes * height).also(::copyPixelsToBuffer).array()
    val image = RgbImage(width, height)
    var to = 0
    for (y in 0 until height) {
        for (x in 0 until width) {
            val from = y * rowBytes + x * RGBA
            val alpha = rgba[from + RgbImage.CHANNELS].toInt() and 0xFF
            for (channel in 0 until RgbImage.CHANNELS) {
                image.pixels[to++] = overWhite(rgba[from + channel].toInt() and 0xFF, alpha)
            }
        }
    }
    return image
}

private const val RGBA = 4

private fun overWhite(value: Int, alpha: Int): Byte =
    ((value * alpha + 255 * (255 - alpha) + 127) / 255).toByte()

/** The picture for the screen. */
fun RgbImage.toBitmap(): Bitmap {
    fun value(at: Int) = pixels[at].toInt() and 0xFF
    val colors = IntArray(width * height) { pixel ->
        val at = pixel * RgbImage.CHANNELS
        Color.rgb(value(at), value(at + 1), value(at + 2))
    }
    return Bitmap.createBitmap(colors, width, height, Bitmap.Config.ARGB_8888)
}
