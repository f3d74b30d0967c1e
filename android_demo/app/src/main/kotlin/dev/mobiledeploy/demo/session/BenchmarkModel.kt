package dev.mobiledeploy.demo.session

import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.core.QuickResult
import dev.mobiledeploy.demo.core.Stopwatch
import dev.mobiledeploy.demo.core.quickBenchmark

sealed interface BenchmarkState {
    data object Idle : BenchmarkState

    data class Running(val done: Int, val total: Int) : BenchmarkState

    data class Over(val outcome: Outcome<QuickResult>) : BenchmarkState
}

/** The benchmark within the app. */
class BenchmarkModel(private val session: Session) {
    val state = Observed<BenchmarkState>(BenchmarkState.Idle)

    @Volatile
    private var cancelled = false

    fun start() {
        val setup = session.setup ?: return
        if (state.value is BenchmarkState.Running) return
        cancelled = false
        state.value = BenchmarkState.Running(0, 1)
        val stopwatch = Stopwatch(::cancelled, ::show)
        session.with({ engine -> quickBenchmark(engine, setup, stopwatch) }) {
            state.value = BenchmarkState.Over(it)
        }
    }

    fun cancel() {
        cancelled = true
    }

    /** Every tenth alone: drawing takes time from the processor that is being measured. */
    private fun show(done: Int, total: Int) {
        if (done % 10 == 0) {
            session.worker.onMain {
                if (state.value is BenchmarkState.Running) {
                    state.value = BenchmarkState.Running(done, total)
                }
            }
        }
    }
}
