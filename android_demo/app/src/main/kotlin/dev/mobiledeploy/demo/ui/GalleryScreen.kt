package dev.mobiledeploy.demo.ui

import android.view.LayoutInflater
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import dev.mobiledeploy.demo.MainActivity
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.app
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.gallery.GalleryState

/** A photo of the user's. */
class GalleryScreen(activity: MainActivity, private val words: Words) : Screen {
    override val view: View =
        LayoutInflater.from(activity).inflate(R.layout.screen_gallery, activity.content, false)

    private val model = activity.app.gallery
    private val session = activity.app.session
    private val photo = view.findViewById<ImageView>(R.id.photo)
    private val message = view.findViewById<TextView>(R.id.message)
    private val latency = view.findViewById<TextView>(R.id.latency)
    private val results = view.findViewById<View>(R.id.results)
    private val predictions = PredictionsView(view.findViewById(R.id.predictions), words)
    private var unobserve: List<() -> Unit> = emptyList()

    init {
        view.findViewById<Button>(R.id.choose).setOnClickListener { activity.askForPhoto() }
    }

    override fun show() {
        unobserve = listOf(
            model.state.observe(::draw),
            session.state.observe { model.classify() },
        )
    }

    override fun hide() {
        unobserve.forEach { it() }
        // The model alone says how long the picture stays in memory.
        photo.setImageBitmap(null)
    }

    private fun draw(state: GalleryState) {
        val outcome = (state as? GalleryState.Shown)?.outcome
        val done = outcome as? Outcome.Done
        results.visibility = visibleIf(done != null)
        photo.visibility = visibleIf(done != null)
        photo.setImageBitmap(done?.value?.photo)
        if (done != null) {
            val prediction = done.value.prediction
            predictions.draw(prediction.top)
            latency.text = words.times(prediction)
        }
        message.text = when (state) {
            is GalleryState.NoPhoto -> view.resources.getString(R.string.gallery_nothing)
            is GalleryState.Reading -> view.resources.getString(R.string.gallery_reading)
            is GalleryState.Shown -> (outcome as? Outcome.Failed)?.let(words::failed).orEmpty()
        }
        message.visibility = visibleIf(message.text.isNotEmpty())
    }
}
