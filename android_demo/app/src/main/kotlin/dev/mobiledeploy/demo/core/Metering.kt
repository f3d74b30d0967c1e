package dev.mobiledeploy.demo.core

/** How many pixels a camera's active array has. */
data class SensorSize(val width: Int, val height: Int)

/**
 * Pixels of a camera's sensor, [right] and [bottom] not among them, counted as the regions of a
 * capture request are: from the top left of its active array.
 */
data class SensorArea(val left: Int, val top: Int, val right: Int, val bottom: Int) {
    val width: Int get() = right - left
    val height: Int get() = bottom - top
}

/**
 * From a view that shows a camera's picture to the pixels of its sensor.
 *
 * The view shows all of a frame of [frameWidth] x [frameHeight], turned upright by [orientation],
 * as [fitted] says. The frame itself is the largest part of its proportions from the middle of
 * [sensor], as Camera2 cuts it where nothing is zoomed.
 */
class Metering(
    private val frameWidth: Int,
    private val frameHeight: Int,
    private val orientation: Orientation,
    private val sensor: SensorSize,
) {
    /**
     * A square around what is shown at [x], [y] of a view of [viewWidth] x [viewHeight], all of it
     * on the frame; null where nothing of the frame is shown there.
     */
    fun around(x: Double, y: Double, viewWidth: Int, viewHeight: Int): SensorArea? {
        val sideways = orientation.isTransposed
        val (width, height) = if (sideways) frameHeight to frameWidth else frameWidth to frameHeight
        val shown = fitted(width, height, viewWidth, viewHeight, WHOLE)
        val across = x / shown.right
        val down = y / shown.bottom
        if (across.isNaN() || down.isNaN() || across !in 0.0..1.0 || down !in 0.0..1.0) return null
        val (column, row) = orientation.stored(across, down)
        return square(frameOnSensor(), column, row)
    }

    private fun frameOnSensor(): SensorArea {
        val isWider = frameWidth.toLong() * sensor.height > frameHeight.toLong() * sensor.width
        val width = if (isWider) sensor.width else sensor.height * frameWidth / frameHeight
        val height = if (isWider) sensor.width * frameHeight / frameWidth else sensor.height
        val left = (sensor.width - width) / 2
        val top = (sensor.height - height) / 2
        return SensorArea(left, top, left + width, top + height)
    }

    /** [column] and [row] are shares of the frame's width and height. */
    private fun square(frame: SensorArea, column: Double, row: Double): SensorArea {
        val side = maxOf(1, (minOf(frame.width, frame.height) * SIDE).toInt())
        val left = (frame.left + column * frame.width - side / 2.0).toInt()
            .coerceIn(frame.left, frame.right - side)
        val top = (frame.top + row * frame.height - side / 2.0).toInt()
            .coerceIn(frame.top, frame.bottom - side)
        return SensorArea(left, top, left + side, top + side)
    }

    private companion object {
        val WHOLE = PicturePart(0.0, 0.0, 1.0, 1.0)

        /** Of the frame's shorter side: about what a finger covers. */
        const val SIDE = 0.12
    }
}
