package dev.mobiledeploy.demo.ui

import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Spinner
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
        threads.adapter = adapter(Session.THREADS.map(words::threads))
        choices.onItemSelectedListener = Chosen(::choose)
        threads.onItemSelectedListener = Chosen(::choose)
    }

    fun draw(ready: SessionState.Ready) {
        if (filled?.choices != ready.choices) {
            choices.adapter = adapter(ready.choices.map(words::choice))
        }
        filled = ready
        choices.setSelection(ready.choices.indexOf(ready.setup.choice))
        threads.setSelection(Session.THREADS.indexOf(ready.setup.threads))
    }

    private fun choose() {
        val choice = filled?.choices?.getOrNull(choices.selectedItemPosition) ?: return
        session.select(Setup(choice, Session.THREADS[threads.selectedItemPosition]))
    }

    private fun adapter(items: List<String>) =
        ArrayAdapter(choices.context, android.R.layout.simple_spinner_item, items).apply {
            setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item)
        }
}

private class Chosen(private val choose: () -> Unit) : AdapterView.OnItemSelectedListener {
    override fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long) =
        choose()

    override fun onNothingSelected(parent: AdapterView<*>?) = Unit
}
