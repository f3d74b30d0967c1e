package dev.mobiledeploy.demo.session

import android.content.Context
import dev.mobiledeploy.demo.core.AppVersion
import dev.mobiledeploy.demo.core.ArtifactStore
import dev.mobiledeploy.demo.core.Choice
import dev.mobiledeploy.demo.core.Engine
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.core.RefusedBundle
import dev.mobiledeploy.demo.core.Setup
import dev.mobiledeploy.demo.core.attempt
import dev.mobiledeploy.demo.core.openAll
import dev.mobiledeploy.demo.runtimes.runtimesOf
import java.io.File

/** Whether there is a network to show, and which. */
sealed interface SessionState {
    data object Opening : SessionState

    /** Nothing can be run: no bundle at all where [refused] is empty. */
    data class NoNetwork(val refused: List<RefusedBundle>) : SessionState

    data class Ready(
        val choices: List<Choice>,
        val refused: List<RefusedBundle>,
        val setup: Setup,
    ) : SessionState
}

/** The bundles and the network at work, for as long as the process lives. */
class Session(context: Context) {
    val worker = Worker()
    val version = context.appVersion()
    val state = Observed<SessionState>(SessionState.Opening)

    /** For the worker alone. */
    val engine: Engine

    init {
        val store = ArtifactStore(File(context.filesDir, "artifacts"))
        engine = Engine(store)
        val bundles = AssetBundles(context.assets)
        worker.run({
            openAll(bundles, runtimesOf(version)).also { store.sweep(it.bundles) }
        }) { opened ->
            val preferred = opened.preferred
            state.value = if (preferred == null) {
                SessionState.NoNetwork(opened.refused)
            } else {
                val first = Setup(preferred, DEFAULT_THREADS).also { setup = it }
                SessionState.Ready(opened.choices, opened.refused, first)
            }
        }
    }

    /** What is to be run now; null while there is nothing. For every thread. */
    @Volatile
    var setup: Setup? = null
        private set

    /** Run something else from now on. */
    fun select(other: Setup) {
        val ready = state.value as? SessionState.Ready ?: return
        if (ready.setup == other) return
        setup = other
        state.value = ready.copy(setup = other)
    }

    /** Do [work] with the network on the worker, and [then] with what came of it. */
    fun <T> with(work: (Engine) -> T, then: (Outcome<T>) -> Unit) =
        worker.run({ attempt { work(engine) } }, then)

    /** Free the network's memory. The next photo loads it again. */
    fun release() = worker.run(engine::close)

    companion object {
        /** Numbers of threads to choose from; 0 leaves it to the runtime. */
        val THREADS = listOf(1, 2, 4, 0)
        private const val DEFAULT_THREADS = 2
    }
}

/** By the version name that Gradle puts together. */
fun Context.appVersion(): AppVersion =
    AppVersion.parse(packageManager.getPackageInfo(packageName, 0).versionName.orEmpty())
