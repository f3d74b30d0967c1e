package dev.mobiledeploy.demo.session

import android.content.Context
import android.net.Uri
import dev.mobiledeploy.demo.core.AppVersion
import dev.mobiledeploy.demo.core.ArtifactStore
import dev.mobiledeploy.demo.core.Choice
import dev.mobiledeploy.demo.core.Engine
import dev.mobiledeploy.demo.core.FolderBundles
import dev.mobiledeploy.demo.core.JoinedBundles
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.core.RefusedBundle
import dev.mobiledeploy.demo.core.Setup
import dev.mobiledeploy.demo.core.attempt
import dev.mobiledeploy.demo.core.copyAtMost
import dev.mobiledeploy.demo.core.openAll
import dev.mobiledeploy.demo.core.packs.BundleImport
import dev.mobiledeploy.demo.core.packs.PackException
import dev.mobiledeploy.demo.core.packs.PackFault
import dev.mobiledeploy.demo.runtimes.runtimesOf
import java.io.File
import java.io.IOException

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
class Session(private val context: Context) {
    val worker = Worker()
    val version = context.appVersion()
    val state = Observed<SessionState>(SessionState.Opening)

    private val runtimes = runtimesOf(version)
    private val store = ArtifactStore(File(context.filesDir, "artifacts"))
    private val imported = File(context.filesDir, "bundles")
    private val import = BundleImport(imported, runtimes.map { it.format }.toSet())

    /** For the worker alone. */
    val engine = Engine(store)

    init {
        worker.run(import::sweep)
        open(null)
    }

    /** Look for bundles, and run what is best of the one called [name], or of all. */
    private fun open(name: String?) {
        val bundles = JoinedBundles(FolderBundles(imported), AssetBundles(context.assets))
        worker.run({
            openAll(bundles, runtimes).also { store.sweep(it.bundles) }
        }) { opened ->
            val preferred = opened.preferred(name)
            setup = preferred?.let { Setup(it, setup?.threads ?: DEFAULT_THREADS) }
            state.value = setup?.let { SessionState.Ready(opened.choices, opened.refused, it) }
                ?: SessionState.NoNetwork(opened.refused)
        }
    }

    /** Import the packed bundle that another app offers, and [then] run it or tell why not. */
    fun import(offered: Uri, then: (Outcome<String>) -> Unit) =
        with({ engine -> takeIn(offered).also { engine.close() } }) { outcome ->
            if (outcome is Outcome.Done) open(outcome.value)
            then(outcome)
        }

    private fun takeIn(offered: Uri): String {
        // The table of a .zip is at its end: it must be a file of our own before it can be read.
        val copy = File.createTempFile("import", null, context.cacheDir)
        try {
            val whole = try {
                val stream = context.contentResolver.openInputStream(offered)
                    ?: throw IOException("nothing is there")
                stream.use { from -> copy.outputStream().use { from.copyAtMost(MOST_BYTES, it) } }
            } catch (error: RuntimeException) { // Whatever the other app throws comes to us.
                throw IOException("the other app failed: $error")
            }
            if (!whole) throw PackException(PackFault.SIZE, "it is larger than any bundle")
            return import.take(copy)
        } finally {
            copy.delete()
        }
    }

    /** Whether the bundle of that name was imported, and so can be removed. */
    fun isImported(name: String) = name in FolderBundles(imported).names()

    /** Remove an imported bundle. */
    fun remove(name: String) = worker.run({
        engine.close()
        import.remove(name)
    }) { open(null) }

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
        private const val MOST_BYTES = 2L shl 30
    }
}

/** By the version name that Gradle puts together. */
fun Context.appVersion(): AppVersion =
    AppVersion.parse(packageManager.getPackageInfo(packageName, 0).versionName.orEmpty())
