package dev.mobiledeploy.demo.runtimes

import dev.mobiledeploy.demo.core.ArtifactStore
import dev.mobiledeploy.demo.core.Choice
import dev.mobiledeploy.demo.core.ClassifierSpec
import dev.mobiledeploy.demo.core.Engine
import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.FolderBundles
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Setup
import dev.mobiledeploy.demo.core.Stopwatch
import dev.mobiledeploy.demo.core.openAll
import dev.mobiledeploy.demo.core.packs.BundleImport
import dev.mobiledeploy.demo.core.protocol.BlockRunner
import dev.mobiledeploy.demo.core.protocol.Device
import dev.mobiledeploy.demo.core.protocol.Mailbox
import dev.mobiledeploy.demo.core.quickBenchmark
import java.io.File
import kotlin.math.log10
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Before
import org.junit.Rule
import org.junit.rules.TemporaryFolder

/** A real bundle's networks in ONNX Runtime on this JVM: -Dbundle names the bundle's folder. */
class RealBundleTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val runtime = OnnxRuntime("1.22.0")
    private lateinit var choices: List<Choice>

    @Before
    fun openTheBundle() {
        val named = System.getProperty("bundle")
        assumeTrue("-Dbundle names no bundle's folder", named != null)
        val bundle = File(named)
        val opened = openAll(FolderBundles(bundle.parentFile), listOf(runtime))
        choices = opened.choices.filter { it.bundle.name == bundle.name }
        assertEquals(setOf("fp32", "int8"), choices.map { it.artifact.precision }.toSet())
    }

    @Test
    fun `float networks answer as the float network in torch did`() {
        for (choice in choices.filter { it.artifact.precision == "fp32" }) {
            val decibels = decibels(choice.bundle.goldenFloatLogits(), logits(choice))
            assertTrue(decibels >= FLOAT_DB, "${choice.artifact.name}: $decibels dB")
        }
    }

    @Test
    fun `int8 networks are no worse than the programs they were made from`() {
        for (choice in choices.filter { it.artifact.precision == "int8" }) {
            val float = choice.bundle.goldenFloatLogits()
            val own = decibels(float, checkNotNull(choice.bundle.goldenLogits(choice.artifact)))
            val decibels = decibels(float, logits(choice))
            assertTrue(decibels >= own - LOSS_DB, "${choice.artifact.name}: $decibels of $own dB")
        }
    }

    @Test
    fun `the app's own benchmark agrees with the float network`() {
        val setup = Setup(choices.first { it.artifact.precision == "fp32" }, 1)
        Engine(ArtifactStore(folder.root)).use { engine ->
            val result = quickBenchmark(engine, setup, Stopwatch(), iterations = 3)
            assertEquals(result.photos, result.agreeing)
            assertTrue(result.median > 0)
            val prediction = engine.classify(setup, setup.choice.bundle.goldenCrop(0))
            assertTrue(prediction.top.all { it.label in setup.choice.bundle.labels })
        }
    }

    @Test
    fun `what the network does not take or have is told by its kind`() {
        val setup = Setup(choices.first(), 1)
        val artifact = setup.choice.artifact
        val bundle = setup.choice.bundle
        // It is spoilt below.
        val file = folder.newFile()
        bundle.open(artifact).use { from -> file.outputStream().use { from.copyTo(it) } }
        val spec = ClassifierSpec(
            file,
            1,
            artifact.inputName,
            artifact.outputName,
            artifact.inputShape,
        )
        val wrong = mapOf(
            ErrorKind.WRONG_SHAPE to spec.copy(shape = listOf(1, 3, 7, 7)),
            ErrorKind.LOAD_FAILED to spec.copy(inputName = "nothing"),
            ErrorKind.FILE_MISSING to spec.copy(file = File(folder.root, "nothing")),
        )
        for ((kind, changed) in wrong) {
            val error = assertFailsWith<RunnerException> { runtime.load(changed) }
            assertEquals(kind, error.kind, error.message)
        }
        file.writeText("no network")
        val error = assertFailsWith<RunnerException> { runtime.load(spec) }
        assertEquals(ErrorKind.LOAD_FAILED, error.kind, error.message)
    }

    @Test
    fun `a packed bundle is imported and answers from where it lies`() {
        val named = System.getProperty("pack")
        assumeTrue("-Dpack names no file of mobile-deploy pack", named != null)
        val place = folder.newFolder()
        val name = BundleImport(place, setOf(runtime.format)).take(File(named))
        val opened = openAll(FolderBundles(place), listOf(runtime))
        val choice = checkNotNull(opened.preferred(name))
        assertEquals("int8", choice.artifact.precision)
        val float = choice.bundle.goldenFloatLogits()
        val own = decibels(float, checkNotNull(choice.bundle.goldenLogits(choice.artifact)))
        assertTrue(decibels(float, logits(choice)) >= own - LOSS_DB)
        // Not copied once more.
        val artifact = choice.artifact.record.file
        val store = ArtifactStore(folder.newFolder())
        assertEquals(File(place, "$name/$artifact"), store.fileOf(choice.bundle, choice.artifact))
    }

    /** What the harness has laid into the folder of -Dbench is answered; it judges the answers. */
    @Test
    fun `the harness's own requests are answered`() {
        val named = System.getProperty("bench")
        assumeTrue("-Dbench names no folder with requests", named != null)
        val mailbox = Mailbox(File(named))
        val suffix = ".request.json"
        val names = File(named).list().orEmpty()
        val ids = names.filter { it.endsWith(suffix) }.map { it.removeSuffix(suffix) }
        assertTrue(ids.isNotEmpty())
        val version = "0.1.0+protocol.3.executorch.1.4.1.onnxruntime.1.22.0"
        for (id in ids) {
            mailbox.answer(BlockRunner(mailbox, listOf(runtime), version, NoDevice).run(id))
        }
    }

    private fun logits(choice: Choice): List<FloatArray> =
        Engine(ArtifactStore(folder.root)).use { engine ->
            val classifier = engine.classifier(Setup(choice, 1))
            val preprocessing = choice.bundle.manifest.preprocessing
            choice.bundle.manifest.golden.crops.indices.map { photo ->
                preprocessing.normalize(choice.bundle.goldenCrop(photo), classifier.input)
                classifier.run()
            }
        }

    /** Signal to error power of all logits, infinite where not a bit differs. */
    private fun decibels(reference: List<FloatArray>, candidate: List<FloatArray>): Double {
        val pairs = reference.zip(candidate).flatMap { (one, other) -> one.zip(other) }
        val signal = pairs.sumOf { (one, _) -> one.toDouble() * one }
        val error = pairs.sumOf { (one, other) -> (one.toDouble() - other).let { it * it } }
        return 10 * log10(signal / error)
    }

    private object NoDevice : Device {
        override fun thermal() = null

        override fun sustainPerformance() = Unit
    }

    private companion object {
        // deploy/verification/gates.py: FLOAT32_DB and GOLDEN_LOSS_DB.
        const val FLOAT_DB = 80.0
        const val LOSS_DB = 2.0
    }
}
