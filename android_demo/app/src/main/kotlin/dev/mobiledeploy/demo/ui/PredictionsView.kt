package dev.mobiledeploy.demo.ui

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ProgressBar
import android.widget.TextView
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.core.Answer

/** The most probable classes, a row each, drawn into [parent]. */
class PredictionsView(private val parent: ViewGroup, private val words: Words) {
    private val rows = List(ROWS) {
        LayoutInflater.from(parent.context)
            .inflate(R.layout.view_prediction, parent, false)
            .also(parent::addView)
    }

    fun draw(top: List<Answer>) = rows.forEachIndexed { place, row ->
        val answer = top.getOrNull(place)
        row.visibility = if (answer == null) View.INVISIBLE else View.VISIBLE
        if (answer != null) draw(row, answer)
    }

    private fun draw(row: View, answer: Answer) {
        val percent = words.percent(answer.probability)
        row.findViewById<TextView>(R.id.label).text = answer.label
        row.findViewById<TextView>(R.id.probability).text = percent
        row.findViewById<ProgressBar>(R.id.bar).progress = (answer.probability * FULL).toInt()
        // A screen reader says the row as one.
        row.contentDescription =
            row.resources.getString(R.string.prediction_spoken, answer.label, percent)
    }

    private companion object {
        const val ROWS = 5
        const val FULL = 1000
    }
}
