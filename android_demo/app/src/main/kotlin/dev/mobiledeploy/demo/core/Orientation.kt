package dev.mobiledeploy.demo.core

/**
 * How a stored picture becomes upright: EXIF 2.32's eight ways, in the order of their tags 1 to 8.
 *
 * The upright pixel (row, column) is the stored one at these, exchanged where [transposed], then
 * counted from the other end where [fromBottom] and [fromRight].
 */
enum class Orientation(
    private val transposed: Boolean,
    private val fromBottom: Boolean,
    private val fromRight: Boolean,
) {
    UPRIGHT(false, false, false),
    MIRRORED(false, false, true),
    TURNED_180(false, true, true),
    TURNED_180_MIRRORED(false, true, false),
    TURNED_90_MIRRORED(true, false, false),
    TURNED_90(true, true, false),
    TURNED_270_MIRRORED(true, true, true),
    TURNED_270(true, false, true),
    ;

    /** Whether what is upright is as wide as the stored picture is high. */
    val isTransposed: Boolean get() = transposed

    /**
     * Where the stored picture has what the upright one has at [across] and [down]: across and down
     * there, all in shares of width and height.
     */
    fun stored(across: Double, down: Double): Pair<Double, Double> {
        val column = if (transposed) down else across
        val row = if (transposed) across else down
        return Pair(
            if (fromRight) 1 - column else column,
            if (fromBottom) 1 - row else row,
        )
    }

    /** [stored] the right way up. */
    fun apply(stored: RgbImage): RgbImage {
        if (this == UPRIGHT) return stored
        val upright = if (transposed) {
            RgbImage(stored.height, stored.width)
        } else {
            RgbImage(stored.width, stored.height)
        }
        var to = 0
        for (y in 0 until upright.height) {
            for (x in 0 until upright.width) {
                val row = if (transposed) x else y
                val column = if (transposed) y else x
                val storedRow = if (fromBottom) stored.height - 1 - row else row
                val storedColumn = if (fromRight) stored.width - 1 - column else column
                var from = (storedRow * stored.width + storedColumn) * RgbImage.CHANNELS
                repeat(RgbImage.CHANNELS) { upright.pixels[to++] = stored.pixels[from++] }
            }
        }
        return upright
    }

    companion object {
        /** By the tag's value; what the standard does not know is taken as upright. */
        fun ofExif(tag: Int): Orientation = entries.getOrElse(tag - 1) { UPRIGHT }

        /**
         * Of a camera's frame on a display turned by [display] degrees, its sensor built in at
         * [sensor] degrees. What a front camera sees is mirrored, as its preview is.
         */
        fun ofCamera(sensor: Int, display: Int, front: Boolean): Orientation {
            val turn = Math.floorMod(if (front) sensor + display else sensor - display, 360)
            return when (turn) {
                90 -> if (front) TURNED_90_MIRRORED else TURNED_90
                180 -> if (front) TURNED_180_MIRRORED else TURNED_180
                270 -> if (front) TURNED_270_MIRRORED else TURNED_270
                else -> if (front) MIRRORED else UPRIGHT
            }
        }
    }
}
