package dev.mobiledeploy.demo.ui

import android.content.Context
import android.content.res.Resources
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.camera.CameraFailure
import dev.mobiledeploy.demo.core.BundleProblem
import dev.mobiledeploy.demo.core.Choice
import dev.mobiledeploy.demo.core.Failure
import dev.mobiledeploy.demo.core.FrameTimes
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.core.PhotoFault
import dev.mobiledeploy.demo.core.Prediction
import dev.mobiledeploy.demo.core.QuickResult
import dev.mobiledeploy.demo.core.RefusedBundle
import dev.mobiledeploy.demo.core.RuntimeNeeded
import dev.mobiledeploy.demo.core.Setup

/** What the app's states are called. Every word itself is in res/values/strings.xml. */
class Words(context: Context) {
    private val resources: Resources = context.resources

    fun choice(choice: Choice): String =
        text(R.string.choice, choice.bundle.name, choice.artifact.name)

    fun threads(count: Int): String = if (count == 0) {
        text(R.string.threads_default)
    } else {
        resources.getQuantityString(R.plurals.threads, count, count)
    }

    fun setup(setup: Setup): String =
        text(R.string.setup, choice(setup.choice), threads(setup.threads))

    /** With two digits below a millisecond, where one would say nothing. */
    fun milliseconds(nanoseconds: Double): String {
        val value = nanoseconds / 1_000_000
        return text(if (value < 1) R.string.milliseconds_short else R.string.milliseconds, value)
    }

    /** How long a frame takes, part by part, and how many come in a second. */
    fun live(times: FrameTimes, perSecond: Double?): String {
        val parts = text(
            R.string.live_times,
            milliseconds(times.network),
            milliseconds(times.crop),
            milliseconds(times.input),
            milliseconds(times.rest),
        )
        return if (perSecond == null) parts else text(R.string.live, parts, perSecond)
    }

    /** How long the network took of a photo, and what was before it. */
    fun times(of: Prediction): String = text(
        R.string.photo_times,
        milliseconds(of.inference.toDouble()),
        milliseconds(of.crop.toDouble()),
        milliseconds(of.input.toDouble()),
    )

    fun percent(share: Double): String = text(R.string.percent, share * 100)

    fun megabytes(bytes: Long): String = text(R.string.megabytes, bytes / 1e6)

    fun failed(failed: Outcome.Failed): String {
        val words = when (failed.failure) {
            Failure.NETWORK -> R.string.failed_network
            Failure.MEMORY -> R.string.failed_memory
            Failure.STORAGE -> R.string.failed_storage
            Failure.BUNDLE -> R.string.failed_bundle
            Failure.PACK -> R.string.failed_pack
            Failure.PHOTO -> photo(failed.photo)
            Failure.CANCELLED -> R.string.failed_cancelled
        }
        return text(words, failed.detail)
    }

    private fun photo(fault: PhotoFault?): Int = when (fault) {
        PhotoFault.HEIF -> R.string.photo_heif
        PhotoFault.DEEP -> R.string.photo_deep
        PhotoFault.UNKNOWN -> R.string.photo_unknown
        PhotoFault.NARROW -> R.string.photo_narrow
        PhotoFault.LARGE -> R.string.photo_large
        PhotoFault.GONE -> R.string.photo_gone
        PhotoFault.DAMAGED, null -> R.string.photo_damaged
    }

    fun failed(failure: CameraFailure): String = text(
        when (failure) {
            CameraFailure.NONE_THERE -> R.string.camera_none
            CameraFailure.TAKEN -> R.string.camera_taken
            CameraFailure.FORBIDDEN -> R.string.camera_forbidden
            CameraFailure.BROKEN -> R.string.camera_broken
        },
    )

    /** Why there is nothing to run. */
    fun nothing(refused: List<RefusedBundle>): String =
        if (refused.isEmpty()) text(R.string.no_bundle) else refused(refused)

    fun refused(refused: List<RefusedBundle>): String =
        refused.joinToString("\n\n") { refused(it.name, it.problem) }

    private fun refused(name: String, problem: BundleProblem): String = when (problem) {
        is BundleProblem.TooNew -> text(R.string.bundle_too_new, name)
        is BundleProblem.Broken -> text(R.string.bundle_broken, name, problem.what)
        is BundleProblem.NoRuntime -> {
            val runtimes = problem.needed.joinToString(transform = ::needed)
            text(R.string.bundle_no_runtime, name, runtimes)
        }
    }

    fun needed(runtime: RuntimeNeeded): String {
        val words = if (runtime.exact) R.string.runtime_exact else R.string.runtime_at_least
        return text(words, runtime.name, runtime.version)
    }

    fun result(result: QuickResult): String = text(
        R.string.benchmark_result,
        setup(result.setup),
        milliseconds(result.median),
        milliseconds(result.p90),
        milliseconds(result.first.toDouble()),
        result.iterations,
        result.agreeing,
        result.photos,
    )

    private fun text(id: Int, vararg arguments: Any): String = resources.getString(id, *arguments)
}
