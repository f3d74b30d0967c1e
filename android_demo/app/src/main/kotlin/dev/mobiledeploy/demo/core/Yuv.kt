package dev.mobiledeploy.demo.core

import java.nio.Buffer
import java.nio.ByteBuffer

/** One plane of a camera's frame: [pixelStride] bytes between neighbours, [rowStride] to a row. */
class Plane(val bytes: ByteBuffer, val rowStride: Int, val pixelStride: Int) {
    /** The first [count] values of a row, into [row]; [scratch] holds at least the row's bytes. */
    internal fun read(y: Int, count: Int, row: IntArray, scratch: ByteArray) {
        val from = bytes.duplicate()
        // Of ByteBuffer's own position() Android 8 knows nothing.
        (from as Buffer).position(y * rowStride)
        from.get(scratch, 0, bytesOfRow(count))
        for (x in 0 until count) row[x] = scratch[x * pixelStride].toInt() and 0xFF
    }

    /** The last row ends with its last value, not with the stride. */
    internal fun bytesOfRow(count: Int) = (count - 1) * pixelStride + 1
}

/** A frame in YUV_420_888: brightness for each pixel, colour for each square of four. */
class YuvFrame(
    private val width: Int,
    private val height: Int,
    private val y: Plane,
    private val u: Plane,
    private val v: Plane,
) {
    /** The frame in RGB as the sensor lies, by BT.601 with full range, as JPEG has it. */
    fun toRgb(): RgbImage {
        val image = RgbImage(width, height)
        val half = (width + 1) / 2
        val scratch = ByteArray(maxOf(y.bytesOfRow(width), u.bytesOfRow(half), v.bytesOfRow(half)))
        val luma = IntArray(width)
        val blue = IntArray(half)
        val red = IntArray(half)
        var to = 0
        for (row in 0 until height) {
            y.read(row, width, luma, scratch)
            if (row % 2 == 0) {
                u.read(row / 2, half, blue, scratch)
                v.read(row / 2, half, red, scratch)
            }
            for (column in 0 until width) {
                val brightness = luma[column] shl BITS
                val cb = blue[column / 2] - 128
                val cr = red[column / 2] - 128
                image.pixels[to++] = clip(brightness + RED_CR * cr)
                image.pixels[to++] = clip(brightness - GREEN_CB * cb - GREEN_CR * cr)
                image.pixels[to++] = clip(brightness + BLUE_CB * cb)
            }
        }
        return image
    }

    private fun clip(fixed: Int): Byte = ((fixed + HALF) shr BITS).coerceIn(0, 255).toByte()

    private companion object {
        const val BITS = 16
        const val HALF = 1 shl (BITS - 1)

        // 1.402, 0.344136, 0.714136 and 1.772 (ITU-T T.871), in fixed point.
        const val RED_CR = 91881
        const val GREEN_CB = 22553
        const val GREEN_CR = 46802
        const val BLUE_CB = 116130
    }
}
