package dev.mobiledeploy.demo.ui

import android.content.Context
import android.view.View
import android.view.ViewGroup
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Spinner
import dev.mobiledeploy.demo.R
import dev.mobiledeploy.demo.core.Setup
import dev.mobiledeploy.demo.session.Session
import dev.mobiledeploy.demo.session.SessionState

/** Two spinners: what to run, and on how many threads. */
class SetupPicker(
    private val choices: Spinner,
    private val threads: Spinner,
    private val session: Session,
    private val words: Words,
) {
    private var filled: SessionState.Ready? = null

    init {
        val numbers = Session.THREADS.map(words::threads)
        threads.adapter = SpokenAdapter(threads.context, numbers, R.string.threads_spoken)
        choices.onItemSelectedListener = Chosen(::choose)
        threads.onItemSelectedListener = Chosen(::choose)
    }

    fun draw(ready: SessionState.Ready) {
        if (filled?.choices != ready.choices) {
            val names = ready.choices.map(words::choice)
            choices.adapter = SpokenAdapter(choices.context, names, R.string.choice_spoken)
        }
        filled = ready
        choices.setSelection(ready.choices.indexOf(ready.setup.choice))
        threads.setSelection(Session.THREADS.indexOf(ready.setup.threads))
    }

    private fun choose() {
        val choice = filled?.choices?.getOrNull(choices.selectedItemPosition) ?: return
        session.select(Setup(choice, Session.THREADS[threads.selectedItemPosition]))
    }
}

/**
 * A screen reader says what the value that is shown is of, and the value: a description of the
 * spinner itself would hide it.
 */
private class SpokenAdapter(context: Context, items: List<String>, private val spoken: Int) :
    ArrayAdapter<String>(context, android.R.layout.simple_spinner_item, items) {
    init {
        setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item)
    }

    override fun getView(position: Int, convertView: View?, parent: ViewGroup): View =
        super.getView(position, convertView, parent).apply {
            contentDescription = context.getString(spoken, getItem(position))
        }
}

private class Chosen(private val choose: () -> Unit) : AdapterView.OnItemSelectedListener {
    override fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long) =
        choose()

    override fun onNothingSelected(parent: AdapterView<*>?) = Unit
}
