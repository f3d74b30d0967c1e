package dev.mobiledeploy.demo.core

import java.nio.FloatBuffer

/** Height and width in pixels, in the manifest's order. */
data class Size(val height: Int, val width: Int)

/** A part of a picture, in shares of its width and height. */
data class PicturePart(val left: Double, val top: Double, val width: Double, val height: Double)

/**
 * From an upright photo to the network's input, as the manifest's `input` says: scale until the
 * photo covers [resize], cut [crop] from its centre, then `(x * scale - mean) / std`.
 */
data class Preprocessing(
    val resize: Size,
    val crop: Size,
    val scale: Double,
    val mean: List<Double>,
    val std: List<Double>,
) {
    init {
        require(crop.height <= resize.height && crop.width <= resize.width)
        require(mean.size == RgbImage.CHANNELS && std.size == RgbImage.CHANNELS)
    }

    /** Of the network's input: batch, channel, height, width. */
    val shape: List<Long>
        get() = listOf(1, RgbImage.CHANNELS, crop.height, crop.width).map(Int::toLong)

    /** What each 8-bit value of each channel becomes; every step is rounded to float32. */
    private val normalized = Array(RgbImage.CHANNELS) { channel ->
        FloatArray(256) { value ->
            (value.toFloat() * scale.toFloat() - mean[channel].toFloat()) / std[channel].toFloat()
        }
    }

    /** The crop that the network sees, of [crop]'s size. */
    fun crop(image: RgbImage): RgbImage {
        val size = cover(image.width, image.height)
        return Bilinear.resize(
            image,
            size,
            window = crop,
            top = halfToEven(size.height - crop.height),
            left = halfToEven(size.width - crop.width),
        )
    }

    /** Put a crop into [input] as it takes it: normalized, or its bytes with alpha. */
    fun normalize(crop: RgbImage, input: NetworkInput) = when (input) {
        is NetworkInput.Floats -> normalize(crop, input.numbers)
        is NetworkInput.Pixels -> copy(crop, input)
    }

    private fun copy(crop: RgbImage, input: NetworkInput.Pixels) {
        require(Size(crop.height, crop.width) == this.crop) { "the crop has another size" }
        // Less 128, for a byte, is the highest bit turned over.
        val flip = if (input.form.signed) 0x80 else 0
        val alpha = (0xFF xor flip).toByte()
        var to = 0
        for (from in crop.pixels.indices step RgbImage.CHANNELS) {
            for (channel in 0 until RgbImage.CHANNELS) {
                val value = crop.pixels[from + channel].toInt() xor flip
                input.bytes.put(to + channel, value.toByte())
            }
            input.bytes.put(to + RgbImage.CHANNELS, alpha)
            to += PixelBytes.CHANNELS
        }
    }

    /** Which part of a picture of [width] x [height] that is. */
    fun partOf(width: Int, height: Int): PicturePart {
        val size = cover(width, height)
        return PicturePart(
            left = halfToEven(size.width - crop.width).toDouble() / size.width,
            top = halfToEven(size.height - crop.height).toDouble() / size.height,
            width = crop.width.toDouble() / size.width,
            height = crop.height.toDouble() / size.height,
        )
    }

    /** Put a crop into [input], float32 in the order channel, row, column, from its start. */
    fun normalize(crop: RgbImage, input: FloatBuffer) {
        require(Size(crop.height, crop.width) == this.crop) { "the crop has another size" }
        val plane = crop.width * crop.height
        for (channel in 0 until RgbImage.CHANNELS) {
            val values = normalized[channel]
            for (pixel in 0 until plane) {
                val value = crop.pixels[pixel * RgbImage.CHANNELS + channel].toInt() and 0xFF
                input.put(channel * plane + pixel, values[value])
            }
        }
    }

    /** The smallest size in the photo's proportions that covers [resize]; one side fits exactly. */
    private fun cover(width: Int, height: Int): Size =
        if (resize.width.toLong() * height > resize.height.toLong() * width) {
            Size((height.toLong() * resize.width / width).toInt(), resize.width)
        } else {
            Size(resize.height, (width.toLong() * resize.height / height).toInt())
        }

    private fun halfToEven(surplus: Int): Int {
        val half = surplus / 2
        return if (surplus % 2 == 1) half + half % 2 else half
    }

    companion object {
        // More would not fit into a phone's memory as float32.
        val SIDE = 1L..8192L

        /** The measures in a manifest's `input`, or a request's. Throws [JsonProblem]. */
        fun of(fields: Fields): Preprocessing {
            val resize = size(fields, "resize")
            val crop = size(fields, "crop")
            val (mean, std) = fields.numbers("mean") to fields.numbers("std")
            fields.require(crop.height <= resize.height && crop.width <= resize.width) {
                "has a crop larger than what the photo is resized to"
            }
            fields.require(mean.size == 3 && std.size == 3 && std.all { it > 0 }) {
                "has no mean and std for three channels"
            }
            val scale = fields.number("scale")
            fields.require(scale > 0) { "has a scale that is not positive" }
            return Preprocessing(resize, crop, scale, mean, std)
        }

        /** Height and width. */
        fun size(fields: Fields, name: String): Size {
            val sides = fields.wholes(name, SIDE)
            fields.require(sides.size == 2) { "has a $name without height and width" }
            return Size(sides[0].toInt(), sides[1].toInt())
        }
    }
}
