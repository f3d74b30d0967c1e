package dev.mobiledeploy.demo.core

/** A picture in 8-bit RGB: row by row from the top, three bytes a pixel. */
class RgbImage(
    val width: Int,
    val height: Int,
    val pixels: ByteArray = ByteArray(width * height * CHANNELS),
) {
    init {
        require(width > 0 && height > 0) { "a picture of $width x $height pixels" }
        require(pixels.size == width * height * CHANNELS) { "${pixels.size} bytes of pixels" }
    }

    companion object {
        const val CHANNELS = 3
    }
}
