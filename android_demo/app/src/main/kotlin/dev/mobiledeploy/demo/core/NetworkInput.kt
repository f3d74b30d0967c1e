package dev.mobiledeploy.demo.core

import java.nio.ByteBuffer
import java.nio.FloatBuffer

/** How the bytes of pixels are handed over: as they are, or [signed], each less 128. */
data class PixelBytes(val signed: Boolean) {
    companion object {
        /** Red, green, blue, and alpha, which is 255. */
        const val CHANNELS = 4

        /**
         * Of the manifest's or a request's `pixels`, for an input of [shape]. Bytes lie pixel by
         * pixel, row by row, whatever the shape.
         */
        fun of(fields: Fields, shape: List<Long>): PixelBytes {
            val signed = fields.choice("dtype", listOf("uint8", "int8")) { it } == "int8"
            fields.choice("memory", listOf("NHWC")) { it }
            fields.choice("channel_order", listOf("RGBA")) { it }
            fields.whole("alpha", 255L..255L)
            fields.whole("zero", if (signed) -128L..-128L else 0L..0L)
            val ends = listOf(shape.getOrNull(1), shape.lastOrNull())
            fields.require(shape.size == 4 && CHANNELS.toLong() in ends) {
                "has a shape without four channels"
            }
            return PixelBytes(signed)
        }
    }
}

/** The memory that a network reads its photo from: fill it, then run. */
sealed interface NetworkInput {
    /** Copy what a file holds, as the network takes it. */
    fun fill(data: ByteBuffer)

    /** Normalized float32 in the order channel, row, column. */
    class Floats(val numbers: FloatBuffer) : NetworkInput {
        override fun fill(data: ByteBuffer) {
            val from = data.asFloatBuffer()
            for (place in 0 until numbers.capacity()) numbers.put(place, from.get(place))
        }
    }

    /** Four bytes for each pixel of the crop, row by row. */
    class Pixels(val bytes: ByteBuffer, val form: PixelBytes) : NetworkInput {
        override fun fill(data: ByteBuffer) {
            for (place in 0 until bytes.capacity()) bytes.put(place, data.get(place))
        }
    }
}
