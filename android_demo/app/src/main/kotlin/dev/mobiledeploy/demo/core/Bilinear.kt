package dev.mobiledeploy.demo.core

/**
 * Pillow's bilinear resizing, to the byte: a triangle that widens when it shrinks, weights in
 * fixed point with 22 bits, across first, rounded to 8 bits, then down.
 *
 * tests/fixtures/preprocessing holds the pictures that Python, Kotlin and Swift must agree on.
 */
object Bilinear {
    private const val BITS = 22
    private const val HALF = 1 shl (BITS - 1)

    /**
     * [image] resized to [size], of which only the part of [window]'s size at [top] and [left] is
     * computed: the rest would be cut off anyway.
     */
    fun resize(image: RgbImage, size: Size, window: Size, top: Int, left: Int): RgbImage {
        val columns = taps(image.width, size.width, left, window.width)
        val rows = taps(image.height, size.height, top, window.height)
        val firstRow = rows.first().first
        val lastRow = rows.maxOf { it.first + it.weights.size }
        val across = across(image, columns, firstRow until lastRow)
        return down(across, rows, firstRow)
    }

    /** The source pixels from [first] on that make one pixel, each with its weight. */
    private class Taps(val first: Int, val weights: IntArray)

    private fun taps(source: Int, target: Int, offset: Int, count: Int): List<Taps> {
        val scale = source.toDouble() / target
        val support = maxOf(scale, 1.0)
        val narrowing = 1.0 / support
        return List(count) { index ->
            val center = (offset + index + 0.5) * scale
            val first = maxOf((center - support + 0.5).toInt(), 0)
            val last = minOf((center + support + 0.5).toInt(), source)
            val raw = DoubleArray(last - first) { tap ->
                maxOf(0.0, 1.0 - Math.abs((first + tap - center + 0.5) * narrowing))
            }
            val total = raw.sum()
            Taps(first, IntArray(raw.size) { (0.5 + raw[it] / total * (1 shl BITS)).toInt() })
        }
    }

    private fun across(image: RgbImage, columns: List<Taps>, rows: IntRange): RgbImage {
        val result = RgbImage(columns.size, rows.count())
        var to = 0
        for (row in rows) {
            for (taps in columns) {
                val from = (row * image.width + taps.first) * RgbImage.CHANNELS
                for (channel in 0 until RgbImage.CHANNELS) {
                    result.pixels[to++] =
                        weigh(image.pixels, from + channel, RgbImage.CHANNELS, taps.weights)
                }
            }
        }
        return result
    }

    private fun down(image: RgbImage, rows: List<Taps>, firstRow: Int): RgbImage {
        val result = RgbImage(image.width, rows.size)
        val stride = image.width * RgbImage.CHANNELS
        var to = 0
        for (taps in rows) {
            val from = (taps.first - firstRow) * stride
            for (at in 0 until stride) {
                result.pixels[to++] = weigh(image.pixels, from + at, stride, taps.weights)
            }
        }
        return result
    }

    private fun weigh(pixels: ByteArray, from: Int, step: Int, weights: IntArray): Byte {
        var sum = HALF
        var at = from
        for (weight in weights) {
            sum += (pixels[at].toInt() and 0xFF) * weight
            at += step
        }
        // The weights' roundings may add up to a little more than one.
        return minOf(sum shr BITS, 255).toByte()
    }
}
