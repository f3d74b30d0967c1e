package dev.mobiledeploy.demo.core

/**
 * How long a frame took, in nanoseconds: resizing and cropping; making the network's input of that;
 * inference alone; all else, from the camera's format to upright pixels.
 */
data class FrameTimes(val crop: Double, val input: Double, val network: Double, val rest: Double)

/** The last [capacity] frames, of which a live display shows the medians. */
class RecentFrames(private val capacity: Int = 30) {
    private class Done(val times: FrameTimes, val end: Long)

    private val frames = ArrayDeque<Done>()

    /** [end] is when the frame was done, by System.nanoTime. */
    fun add(times: FrameTimes, end: Long) {
        if (frames.size == capacity) frames.removeFirst()
        frames.addLast(Done(times, end))
    }

    fun clear() = frames.clear()

    /** Null before the first. */
    fun median(): FrameTimes? = if (frames.isEmpty()) null else FrameTimes(
        crop = median { it.crop },
        input = median { it.input },
        network = median { it.network },
        rest = median { it.rest },
    )

    /** Null before the second. */
    fun perSecond(): Double? {
        val duration = if (frames.isEmpty()) 0 else frames.last().end - frames.first().end
        return if (duration > 0) (frames.size - 1) * 1e9 / duration else null
    }

    private fun median(part: (FrameTimes) -> Double) =
        median(frames.map { part(it.times).toLong() })
}
