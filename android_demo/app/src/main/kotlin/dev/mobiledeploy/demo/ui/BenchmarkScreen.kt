package dev.mobiledeploy.demo.ui

import android.content.Intent
import android.os.Build
import android.view.LayoutInflater
import android.view.View
import android.widget.Button
import android.widget.ProgressBar
import android.widget.TextView
import dev.mobiledeploy.demo.MainActivity
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.app
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.session.BenchmarkState

/** A quick measurement of what is set up. */
class BenchmarkScreen(private val activity: MainActivity, private val words: Words) : Screen {
    override val view: View =
        LayoutInflater.from(activity).inflate(R.layout.screen_benchmark, activity.content, false)

    private val model = activity.app.benchmark
    private val start = view.findViewById<Button>(R.id.start)
    private val stop = view.findViewById<Button>(R.id.stop)
    private val share = view.findViewById<Button>(R.id.share)
    private val progress = view.findViewById<ProgressBar>(R.id.progress)
    private val result = view.findViewById<TextView>(R.id.result)
    private var unobserve: () -> Unit = {}

    init {
        start.setOnClickListener { model.start() }
        stop.setOnClickListener { model.cancel() }
        share.setOnClickListener { share(result.text.toString()) }
    }

    override fun show() {
        unobserve = model.state.observe(::draw)
    }

    override fun hide() {
        unobserve()
        // What is measured while another screen works is not worth showing.
        if (!activity.isChangingConfigurations) model.cancel()
    }

    private fun draw(state: BenchmarkState) {
        val running = state as? BenchmarkState.Running
        val outcome = (state as? BenchmarkState.Over)?.outcome
        start.visibility = visibleIf(running == null)
        stop.visibility = visibleIf(running != null)
        progress.visibility = visibleIf(running != null)
        share.visibility = visibleIf(outcome is Outcome.Done)
        progress.max = running?.total ?: 1
        progress.progress = running?.done ?: 0
        result.text = when (outcome) {
            null -> ""
            is Outcome.Done -> words.result(outcome.value)
            is Outcome.Failed -> words.failed(outcome)
        }
    }

    private fun share(text: String) {
        val phone = activity.getString(R.string.phone, Build.MODEL, Build.VERSION.RELEASE)
        val intent = Intent(Intent.ACTION_SEND)
            .setType("text/plain")
            .putExtra(Intent.EXTRA_TEXT, "$phone\n$text")
        activity.startActivity(Intent.createChooser(intent, null))
    }
}
