package dev.mobiledeploy.demo.camera

import android.content.Context
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraManager
import dev.mobiledeploy.demo.core.FrameTimes
import dev.mobiledeploy.demo.core.Orientation
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.core.Prediction
import dev.mobiledeploy.demo.core.RecentFrames
import dev.mobiledeploy.demo.core.SensorArea
import dev.mobiledeploy.demo.core.Setup
import dev.mobiledeploy.demo.core.YuvFrame
import dev.mobiledeploy.demo.core.attempt
import dev.mobiledeploy.demo.session.Observed
import dev.mobiledeploy.demo.session.Session

enum class CameraFailure { NONE_THERE, TAKEN, FORBIDDEN, BROKEN }

sealed interface CameraState {
    data object Closed : CameraState

    data object NoPermission : CameraState

    /** [others] is whether there is another camera, here and below. */
    data class Failed(val failure: CameraFailure, val others: Boolean) : CameraState

    /** At work; [live] is null before the first frame. */
    data class Live(val camera: Camera, val others: Boolean, val live: Outcome<Seen>?) : CameraState
}

/** What the network sees in a frame, the medians of the last frames' times, how many come. */
class Seen(val prediction: Prediction, val median: FrameTimes, val perSecond: Double?)

/** The camera, opened and closed with its screen. */
class CameraModel(context: Context, private val session: Session) {
    val state = Observed<CameraState>(CameraState.Closed)
    private val manager = context.getSystemService(CameraManager::class.java)
    private var feed: CameraFeed? = null
    private var facing = 0

    // The worker's own.
    private val frames = RecentFrames()
    private var timed: Setup? = null
    private var failed: Pair<CameraFeed, Setup>? = null

    /** Show the preview on [texture]; [display] tells by how many degrees the display is turned. */
    fun open(texture: SurfaceTexture, display: () -> Int) {
        close()
        val cameras = cameras()
        if (cameras.isEmpty()) return fail(CameraFailure.NONE_THERE)
        val camera = cameras[facing % cameras.size]
        state.value = CameraState.Live(camera, cameras.size > 1, null)
        lateinit var opened: CameraFeed
        opened = CameraFeed(
            manager,
            camera,
            texture,
            session.worker,
            onFrame = { frame -> classify(frame, camera.orientation(display()), opened) },
            onFailure = { failure ->
                session.worker.onMain { if (feed === opened) fail(failure) }
            },
        )
        feed = opened
        opened.open()
    }

    fun close() {
        feed?.close()
        feed = null
        state.value = CameraState.Closed
    }

    /** There is no permission, which is worth asking for where there is a camera. */
    fun refused() {
        if (cameras().isEmpty()) return fail(CameraFailure.NONE_THERE)
        state.value = CameraState.NoPermission
    }

    /** Turn the light of the camera that is open on or off. */
    fun shine(on: Boolean) {
        feed?.shine(on)
    }

    /** Focus on that part of the sensor of the camera that is open. */
    fun focus(area: SensorArea) {
        feed?.focus(area)
    }

    /** The next opening is of the next camera. */
    fun next() {
        facing++
    }

    private fun cameras(): List<Camera> = try {
        camerasOf(manager)
    } catch (_: CameraAccessException) {
        emptyList()
    }

    private fun fail(failure: CameraFailure) {
        val others = (state.value as? CameraState.Live)?.others == true
        close()
        state.value = CameraState.Failed(failure, others)
    }

    /** On the worker. A network that fails is not tried again before the camera is opened anew. */
    private fun classify(frame: YuvFrame, orientation: Orientation, of: CameraFeed) {
        val setup = session.setup ?: return
        if (failed == of to setup) return
        val outcome = attempt {
            if (timed != setup) frames.clear()
            timed = setup
            val begin = System.nanoTime()
            val prediction = session.engine.classify(setup, orientation.apply(frame.toRgb()))
            val end = System.nanoTime()
            val parts = listOf(prediction.crop, prediction.input, prediction.inference)
            val (crop, input, network) = parts.map(Long::toDouble)
            val rest = maxOf(end - begin - crop - input - network, 0.0)
            val times = FrameTimes(crop, input, network, rest)
            frames.add(times, end)
            Seen(prediction, frames.median() ?: times, frames.perSecond())
        }
        failed = (of to setup).takeIf { outcome is Outcome.Failed }
        session.worker.onMain {
            val shown = state.value
            if (feed === of && shown is CameraState.Live) state.value = shown.copy(live = outcome)
        }
    }
}
