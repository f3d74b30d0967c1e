package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.core.packs.PackException
import dev.mobiledeploy.demo.core.packs.PackFault
import java.io.IOException
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import org.junit.Rule
import org.junit.rules.TemporaryFolder

class EngineTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val photo = RgbImage(300, 280)

    @Test
    fun `a network is loaded once and kept until another is asked for or memory is short`() {
        val runtime = runtime { FloatArray(1000) }
        val setup = setup(runtime)
        val engine = engine()
        repeat(3) { engine.classify(setup, photo) }
        assertEquals(1 to 0, runtime.loaded to runtime.closed)
        engine.classify(setup.copy(threads = 4), photo)
        assertEquals(2 to 1, runtime.loaded to runtime.closed)
        engine.close()
        assertEquals(2 to 2, runtime.loaded to runtime.closed)
        engine.classify(setup, photo)
        assertEquals(3 to 2, runtime.loaded to runtime.closed)
    }

    @Test
    fun `the five best are told by their labels`() {
        val runtime = runtime { FloatArray(1000) { -it.toFloat() } }
        val top = engine().classify(setup(runtime), photo).top
        assertEquals(List(5) { "label $it" }, top.map(Answer::label))
    }

    @Test
    fun `what is no answer is a failure of the network`() {
        for (logits in listOf(FloatArray(1000) { Float.NaN }, FloatArray(7), FloatArray(2000))) {
            val setup = setup(runtime { logits })
            val outcome = attempt { engine().classify(setup, photo) }
            assertEquals(Failure.NETWORK, assertIs<Outcome.Failed>(outcome).failure)
        }
    }

    @Test
    fun `each known failure has words of its own`() {
        val failures = mapOf<Throwable, Failure>(
            RunnerException(ErrorKind.LOAD_FAILED, "") to Failure.NETWORK,
            RunnerException(ErrorKind.OUT_OF_MEMORY, "") to Failure.MEMORY,
            RunnerException(ErrorKind.CANCELLED, "") to Failure.CANCELLED,
            OutOfMemoryError() to Failure.MEMORY,
            IOException() to Failure.STORAGE,
            PhotoException(PhotoFault.GONE) to Failure.PHOTO,
            BundleException(BundleProblem.TooNew(2)) to Failure.BUNDLE,
            PackException(PackFault.NO_PACK, "") to Failure.PACK,
        )
        for ((thrown, failure) in failures) {
            val outcome = attempt<Unit> { throw thrown }
            assertEquals(failure, assertIs<Outcome.Failed>(outcome).failure)
        }
    }

    private fun engine() = Engine(ArtifactStore(folder.root))

    private fun runtime(logits: () -> FloatArray) =
        FakeRuntime(Format.EXECUTORCH, "1.4.1", answer = { _, _ -> logits() })

    private fun setup(runtime: Runtime): Setup {
        val choice = checkNotNull(openAll(MemoryBundle(), listOf(runtime)).preferred())
        return Setup(choice, 1)
    }
}
