package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.Fields
import dev.mobiledeploy.demo.core.NetworkInput
import dev.mobiledeploy.demo.core.PixelBytes
import dev.mobiledeploy.demo.core.Preprocessing
import dev.mobiledeploy.demo.core.RgbImage
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Size
import dev.mobiledeploy.demo.core.timed

/** How long the app took before the network, in nanoseconds, for each of several pictures. */
class PreparationTimes(val picture: Size, val crop: List<Long>, val input: List<Long>)

/**
 * What the app does to each picture of the camera before the network, to be timed: [warmup] that
 * are not counted, then [iterations] that are.
 *
 * The picture is made up, of [picture]'s size: no step takes longer for one than for another.
 */
data class Preparation(
    val picture: Size,
    val preprocessing: Preprocessing,
    val warmup: Int,
    val iterations: Int,
) {
    /** How many numbers, or bytes, it makes. */
    fun elements(pixels: PixelBytes?): Long {
        val channels = if (pixels == null) RgbImage.CHANNELS else PixelBytes.CHANNELS
        return preprocessing.crop.height.toLong() * preprocessing.crop.width * channels
    }

    /** Throws [RunnerException] where the run was [cancelled]. What [input] holds is lost. */
    fun time(input: NetworkInput, cancelled: () -> Boolean): PreparationTimes {
        val photo = RgbImage(picture.width, picture.height)
        for (place in photo.pixels.indices) photo.pixels[place] = (place * STEP).toByte()
        val times = List(warmup + iterations) {
            if (cancelled()) throw RunnerException(ErrorKind.CANCELLED, "the run was left")
            val cropped = timed { preprocessing.crop(photo) }
            val taken = timed { preprocessing.normalize(cropped.value, input) }
            cropped.nanoseconds to taken.nanoseconds
        }.drop(warmup)
        return PreparationTimes(picture, times.map { it.first }, times.map { it.second })
    }

    companion object {
        private const val STEP = 37
        private const val MOST_ASPECT = 64
        private const val MOST_PIXELS = 16L shl 20
        private val RUNS = 0L..10_000L

        /** Throws JsonProblem. */
        fun of(fields: Fields): Preparation {
            val picture = Preprocessing.size(fields, "picture")
            val (short, long) = listOf(picture.height, picture.width).sorted()
            fields.require(long <= MOST_ASPECT * short && long.toLong() * short <= MOST_PIXELS) {
                "has a picture that no camera gives"
            }
            return Preparation(
                picture = picture,
                preprocessing = Preprocessing.of(fields),
                warmup = fields.whole("warmup", RUNS).toInt(),
                iterations = fields.whole("iterations", 1L..RUNS.last).toInt(),
            )
        }
    }
}
