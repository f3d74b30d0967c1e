package dev.mobiledeploy.demo.ui

import android.Manifest.permission.CAMERA
import android.content.pm.PackageManager.PERMISSION_GRANTED
import android.graphics.SurfaceTexture
import android.view.LayoutInflater
import android.view.MotionEvent
import android.view.TextureView
import android.view.View
import android.widget.Button
import android.widget.TextView
import android.widget.ToggleButton
import dev.mobiledeploy.demo.MainActivity
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.app
import dev.mobiledeploy.demo.camera.CameraState
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.core.fitted

/** What the camera sees, live. */
class CameraScreen(private val activity: MainActivity, private val words: Words) : Screen {
    override val view: View =
        LayoutInflater.from(activity).inflate(R.layout.screen_camera, activity.content, false)

    private val model = activity.app.camera
    private val preview = view.findViewById<TextureView>(R.id.preview)
    private val message = view.findViewById<TextView>(R.id.message)
    private val latency = view.findViewById<TextView>(R.id.latency)
    private val allow = view.findViewById<Button>(R.id.allow)
    private val turn = view.findViewById<Button>(R.id.turn)
    private val light = view.findViewById<ToggleButton>(R.id.light)
    private val frame = view.findViewById<CropFrame>(R.id.frame)
    private val results = view.findViewById<View>(R.id.results)
    private val predictions = PredictionsView(view.findViewById(R.id.predictions), words)
    private var unobserve: List<() -> Unit> = emptyList()
    private var seen = false
    private var transformed = 0

    init {
        preview.surfaceTextureListener = Surfaces()
        preview.setOnTouchListener(::touched)
        allow.setOnClickListener { activity.askForCamera() }
        light.setOnCheckedChangeListener { _, on -> model.shine(on) }
        turn.setOnClickListener {
            model.next()
            open()
        }
    }

    override fun show() {
        seen = true
        // Another network may see another part.
        unobserve = listOf(
            model.state.observe(::draw),
            activity.app.session.state.observe { transform() },
        )
        open()
    }

    override fun hide() {
        seen = false
        unobserve.forEach { it() }
        model.close()
    }

    /** Also called when the user has answered the question for the permission. */
    fun open() {
        val texture = preview.surfaceTexture
        when {
            !seen -> Unit
            activity.checkSelfPermission(CAMERA) != PERMISSION_GRANTED -> model.refused()
            texture != null -> {
                light.isChecked = false
                model.open(texture, activity::displayDegrees)
                transform()
            }
        }
    }

    private fun draw(state: CameraState) {
        val live = state as? CameraState.Live
        allow.visibility = visibleIf(state is CameraState.NoPermission)
        val failed = state as? CameraState.Failed
        turn.visibility = visibleIf(live?.others == true || failed?.others == true)
        light.visibility = visibleIf(live?.camera?.light == true)
        frame.visibility = visibleIf(live != null)
        val outcome = live?.live
        results.visibility = visibleIf(outcome is Outcome.Done)
        if (outcome is Outcome.Done) {
            predictions.draw(outcome.value.prediction.top)
            latency.text = words.live(outcome.value.median, outcome.value.perSecond)
        }
        message.text = when (state) {
            is CameraState.Closed -> ""
            is CameraState.NoPermission -> activity.getString(R.string.camera_needs_permission)
            is CameraState.Failed -> words.failed(state.failure)
            is CameraState.Live -> when (outcome) {
                null -> activity.getString(R.string.camera_opening)
                is Outcome.Failed -> words.failed(outcome)
                is Outcome.Done -> ""
            }
        }
        message.visibility = visibleIf(message.text.isNotEmpty())
    }

    /** A tap on the preview has the camera focus there. */
    private fun touched(view: View, event: MotionEvent): Boolean {
        val camera = (model.state.value as? CameraState.Live)?.camera ?: return false
        if (!camera.focuses) return false
        if (event.actionMasked == MotionEvent.ACTION_UP) {
            camera.areaAt(event.x, event.y, view.width, view.height, activity.displayDegrees())
                ?.let(model::focus)
            view.performClick()
        }
        return true
    }

    private fun transform() {
        val live = model.state.value as? CameraState.Live ?: return
        val display = activity.displayDegrees()
        preview.setTransform(
            previewTransform(live.camera, preview.width, preview.height, display),
        )
        transformed = display
        val seen = activity.app.session.setup?.choice?.bundle?.manifest?.preprocessing ?: return
        val (size, sideways) = live.camera.size to live.camera.isSideways(display)
        val width = if (sideways) size.height else size.width
        val height = if (sideways) size.width else size.height
        frame.box =
            fitted(width, height, preview.width, preview.height, seen.partOf(width, height))
    }

    private inner class Surfaces : TextureView.SurfaceTextureListener {
        override fun onSurfaceTextureAvailable(surface: SurfaceTexture, width: Int, height: Int) =
            open()

        override fun onSurfaceTextureSizeChanged(surface: SurfaceTexture, width: Int, height: Int) =
            transform()

        override fun onSurfaceTextureDestroyed(surface: SurfaceTexture): Boolean {
            // A new activity's screen may have the camera by now.
            if (seen) model.close()
            return true
        }

        override fun onSurfaceTextureUpdated(surface: SurfaceTexture) {
            // A phone turned upside down keeps the view's size and tells nobody.
            if (activity.displayDegrees() != transformed) transform()
        }
    }
}

internal fun visibleIf(seen: Boolean): Int = if (seen) View.VISIBLE else View.GONE
