package dev.mobiledeploy.demo.gallery

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import android.net.Uri
import dev.mobiledeploy.demo.core.PhotoException
import dev.mobiledeploy.demo.core.PhotoFault
import dev.mobiledeploy.demo.core.PhotoHeader
import dev.mobiledeploy.demo.core.RgbImage
import dev.mobiledeploy.demo.core.readAtMost
import dev.mobiledeploy.demo.core.sampleSize
import dev.mobiledeploy.demo.session.nameOf
import java.io.IOException
import java.nio.ByteBuffer

/** Reads photos that other apps offer, upright and small enough for the phone's memory. */
class PhotoReader(private val resolver: ContentResolver) {
    /** Throws [PhotoException] with its name for what is no photo of ours or no longer offered. */
    fun read(photo: Uri): RgbImage = try {
        decoded(photo)
    } catch (error: PhotoException) {
        throw PhotoException(error.fault, resolver.nameOf(photo))
    }

    private fun decoded(photo: Uri): RgbImage {
        val file = bytes(photo)
        val orientation = PhotoHeader.orientation(file)
        val options = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        decode(file, options)
        PhotoHeader.check(options.outWidth, options.outHeight)
        options.apply {
            inJustDecodeBounds = false
            inSampleSize = sampleSize(outWidth, outHeight)
            inPreferredConfig = Bitmap.Config.ARGB_8888
            // Alpha is laid over white below, which the decoder's own way would darken.
            inPremultiplied = false
        }
        val bitmap = decode(file, options) ?: throw PhotoException(PhotoFault.DAMAGED)
        val stored = bitmap.toRgb()
        bitmap.recycle()
        return orientation.apply(stored)
    }

    private fun decode(file: ByteArray, options: BitmapFactory.Options): Bitmap? = try {
        BitmapFactory.decodeByteArray(file, 0, file.size, options)
    } catch (error: RuntimeException) { // What a decoder makes of a stranger's file.
        throw PhotoException(PhotoFault.DAMAGED, "$error")
    }

    private fun bytes(photo: Uri): ByteArray = try {
        val stream = resolver.openInputStream(photo) ?: throw PhotoException(PhotoFault.GONE)
        stream.use { it.readAtMost(MOST_BYTES) } ?: throw PhotoException(PhotoFault.LARGE)
    } catch (error: IOException) {
        throw PhotoException(PhotoFault.GONE, "${error.message}")
    } catch (error: RuntimeException) { // Whatever the other app throws comes through to us.
        throw PhotoException(PhotoFault.GONE, "$error")
    }

    private companion object {
        // The largest that phones take, of 200 megapixels, has less.
        const val MOST_BYTES = 128 shl 20
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
