package dev.mobiledeploy.demo.ui

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import dev.mobiledeploy.demo.MainActivity
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.app
import dev.mobiledeploy.demo.core.Artifact
import dev.mobiledeploy.demo.core.Measured
import dev.mobiledeploy.demo.session.SessionState

/** What is known of the bundle and of the artifact that is set up. */
class AboutScreen(activity: MainActivity, private val words: Words) : Screen {
    override val view: View =
        LayoutInflater.from(activity).inflate(R.layout.screen_about, activity.content, false)

    private val session = activity.app.session
    private val facts = view.findViewById<ViewGroup>(R.id.facts)
    private val remove = view.findViewById<Button>(R.id.remove_bundle)
    private var unobserve: () -> Unit = {}

    init {
        view.findViewById<Button>(R.id.import_bundle).setOnClickListener {
            activity.askForBundle()
        }
    }

    override fun show() {
        unobserve = session.state.observe { if (it is SessionState.Ready) draw(it) }
    }

    override fun hide() = unobserve()

    private fun draw(state: SessionState.Ready) {
        val (bundle, artifact, runtime) = state.setup.choice
        val manifest = bundle.manifest
        val (crop, resize) = manifest.preprocessing.crop to manifest.preprocessing.resize
        remove.visibility = visibleIf(session.isImported(bundle.name))
        remove.text = text(R.string.remove_bundle, bundle.name)
        remove.setOnClickListener { session.remove(bundle.name) }
        facts.removeAllViews()
        add(R.string.about_network, manifest.network.name)
        manifest.network.width?.let { add(R.string.about_width, "$it") }
        add(R.string.about_weights, manifest.weights)
        add(
            R.string.about_input,
            text(R.string.about_input_value, crop.height, crop.width, resize.height, resize.width),
        )
        add(R.string.about_classes, "${manifest.network.classes}")
        add(R.string.about_params, text(R.string.millions, manifest.network.params / 1e6))
        add(R.string.about_macs, text(R.string.millions, manifest.network.macs / 1e6))
        add(R.string.about_calibration, "${manifest.calibrationPhotos}")
        add(R.string.about_artifact, artifact.name)
        add(R.string.about_size, words.megabytes(artifact.bytes))
        add(R.string.about_sha256, artifact.record.sha256)
        add(R.string.about_needs, words.needed(artifact.runtime))
        add(R.string.about_runtime, text(R.string.runtime_exact, runtime.name, runtime.version))
        add(R.string.about_measured, measured(artifact))
        add(
            R.string.about_toolkits,
            manifest.toolkits.entries.joinToString { (name, version) -> "$name $version" },
        )
        add(R.string.about_tool, manifest.toolVersion)
        add(R.string.about_app, session.version.name)
        if (state.refused.isNotEmpty()) add(R.string.about_refused, words.refused(state.refused))
    }

    private fun measured(artifact: Artifact): String = artifact.unverifiedReason
        ?: artifact.measured?.let(::measured)
        ?: text(R.string.about_not_measured)

    private fun measured(figures: Measured): String {
        val share = words.percent(figures.agreement)
        val decibels = figures.sqnrDb ?: return text(R.string.about_exact, share, figures.photos)
        return text(R.string.about_agreement, share, figures.photos, decibels)
    }

    private fun add(name: Int, value: String) {
        val row = LayoutInflater.from(facts.context).inflate(R.layout.view_fact, facts, false)
        row.findViewById<TextView>(R.id.name).setText(name)
        row.findViewById<TextView>(R.id.value).text = value
        facts.addView(row)
    }

    private fun text(id: Int, vararg arguments: Any): String =
        view.resources.getString(id, *arguments)
}
