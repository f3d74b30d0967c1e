package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.FakeRuntime
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Runtime
import dev.mobiledeploy.demo.core.Sha256
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Before
import org.junit.Rule
import org.junit.rules.TemporaryFolder

class BlockRunnerTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val device = FakeDevice()
    private val fake = FakeRuntime(Format.ONNX, "1.22.0")

    @Before
    fun layFilesBesideTheRequest() {
        file("network.onnx").writeText("a network")
        file("golden-0.f32").writeBytes(floats(1f, 2f))
        request()
    }

    @Test
    fun `a block gives times, memory, heat and the golden logits`() {
        val answer = run()
        assertEquals("ok", answer.getString("status"))
        assertEquals(3, answer.getJSONArray("iterations_ns").length())
        for (field in listOf("load_ns", "first_ns", "memory_before_bytes", "memory_peak_bytes")) {
            assertTrue(answer.getLong(field) > 0, field)
        }
        assertEquals(1, answer.getJSONObject("thermal_before").getInt("status"))
        assertEquals("Fake", answer.getJSONObject("runner").getString("runtime"))
        // First, two of warm-up and three timed come before the golden one.
        assertEquals(listOf(3f, -3f, 7f), logits(answer))
        assertEquals(1, fake.closed)
        assertEquals(0, device.sustained)
    }

    @Test
    fun `sustained performance is asked for only when the request does`() {
        request { put("sustained", true) }
        run()
        assertEquals(1, device.sustained)
    }

    @Test
    fun `a seed gives the same numbers every time`() {
        request {
            put("input", JSONObject().put("golden", JSONObject.NULL).put("seed", 7))
            put("golden", JSONArray())
        }
        val answer = run()
        assertEquals("ok", answer.getString("status"))
        assertEquals(0, answer.getJSONArray("logits").length())
    }

    @Test
    fun `what the app does before the network is timed after the rest, where that is asked`() {
        file("golden-0.f32").writeBytes(floats(*FloatArray(3 * 4 * 4) { it.toFloat() }))
        request {
            put("schema_version", 3)
            put("shape", JSONArray(listOf(1, 3, 4, 4)))
            put("preparation", preparation())
        }
        val answer = run()
        assertEquals("ok", answer.getString("status"), "$answer")
        assertEquals(3, answer.getInt("schema_version"))
        val times = answer.getJSONObject("preparation")
        for (part in listOf("crop_ns", "input_ns")) {
            val taken = times.getJSONArray(part)
            assertEquals(5, taken.length(), part)
            assertTrue((0 until 5).all { taken.getLong(it) > 0 }, part)
        }
        // No inference more, and the golden one was of the file.
        assertEquals(listOf(1128f, -1128f, 7f), logits(answer))
        file("golden-0.f32").writeBytes(floats(1f, 2f))
        request()
        assertTrue(!run().has("preparation"))
        assertEquals(1, run().getInt("schema_version"))
    }

    @Test
    fun `a preparation of another input than the network's is refused`() {
        request {
            put("schema_version", 3)
            put("preparation", preparation())
        }
        assertFails("bad-request", "the whole prepares another input than the network's")
        request {
            put("schema_version", 3)
            put("preparation", preparation().put("picture", JSONArray(listOf(1, 8000))))
        }
        assertFails("bad-request", "preparation has a picture that no camera gives")
    }

    @Test
    fun `missing files are told by name`() {
        file("golden-0.f32").delete()
        assertFails("file-missing", "golden-0.f32 is not there")
        file("block.request.json").delete()
        assertFails("file-missing", "block.request.json is not there")
    }

    @Test
    fun `a file with another hash is not run`() {
        file("network.onnx").writeText("another network")
        assertFails("file-differs", "network.onnx has another hash")
        assertEquals(0, fake.loaded)
    }

    @Test
    fun `an input of another size than the shape is refused`() {
        file("golden-0.f32").writeBytes(floats(1f))
        request()
        assertFails("wrong-shape", "golden-0.f32 has 4 bytes, the shape needs 8")
    }

    @Test
    fun `a request of another block is refused`() {
        request { put("id", "other") }
        assertFails("bad-request", "the request is of other, not block")
    }

    @Test
    fun `garbage and newer requests get an answer`() {
        file("block.request.json").writeText("garbage")
        assertEquals("bad-request", kind(run()))
        file("block.request.json").writeText("""{"schema_version": 4}""")
        assertEquals("newer-protocol", kind(run()))
    }

    @Test
    fun `a format without a runtime is told`() {
        assertEquals("runtime-missing", kind(run(runtimes = emptyList())))
    }

    @Test
    fun `the runtime's failure is passed on with its kind and words`() {
        val error = RunnerException(ErrorKind.OPERATOR_MISSING, "Missing operator: x")
        val answer = run(runtimes = listOf(FakeRuntime(Format.ONNX, "1", failing = error)))
        assertEquals("operator-missing", kind(answer))
        assertEquals("Missing operator: x", answer.getJSONObject("error").getString("text"))
    }

    @Test
    fun `too little memory, our own mistakes and leaving become answers`() {
        assertEquals("out-of-memory", kind(run(runtimes = failing { throw OutOfMemoryError() })))
        assertEquals("internal", kind(run(runtimes = failing { error("a mistake") })))
        assertEquals("cancelled", kind(run(cancelled = { true })))
    }

    @Test
    fun `an answer appears whole under its name`() {
        Mailbox(folder.root).answer(BlockAnswer.Failed("block", ErrorKind.INTERNAL, "x"))
        assertEquals("error", JSONObject(file("block.answer.json").readText()).getString("status"))
        assertTrue(!file("block.answer.json.part").exists())
    }

    @Test
    fun `ids that could lead out of the folder are no names`() {
        for (id in listOf("", "..", "../x", "a/b", "A", "x y", "x;y", "a".repeat(81))) {
            assertTrue(!Request.isName(id), id)
        }
        assertTrue(Request.isName("b-0001.x"))
    }

    private fun run(
        runtimes: List<Runtime> = listOf(fake),
        cancelled: () -> Boolean = { false },
    ): JSONObject {
        val mailbox = Mailbox(folder.root)
        val runner = BlockRunner(mailbox, runtimes, "0.1.0", device, cancelled = cancelled)
        return runner.run("block").toJson()
    }

    private fun failing(fail: () -> Nothing) =
        listOf(FakeRuntime(Format.ONNX, "1", answer = { _, _ -> fail() }))

    private fun assertFails(kind: String, text: String) {
        val error = run().getJSONObject("error")
        assertEquals(kind to text, error.getString("kind") to error.getString("text"))
    }

    private fun kind(answer: JSONObject) = answer.getJSONObject("error").getString("kind")

    private fun logits(answer: JSONObject): List<Float> {
        val text = answer.getJSONArray("logits").getJSONObject(0).getString("logits")
        val values = ByteBuffer.wrap(Base64.getDecoder().decode(text))
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer()
        return List(values.remaining()) { values.get() }
    }

    private fun request(change: JSONObject.() -> Unit = {}) {
        val artifact = fileFields("network.onnx")
            .put("format", "onnx")
            .put("backend", "onnxruntime-cpu")
            .put("input", "input")
            .put("output", "logits")
        val request = JSONObject()
            .put("schema_version", 1)
            .put("id", "block")
            .put("artifact", artifact)
            .put("threads", 1)
            .put("warmup", 2)
            .put("iterations", 3)
            .put("shape", JSONArray(listOf(1, 2)))
            .put("input", JSONObject().put("golden", 0).put("seed", JSONObject.NULL))
            .put("golden", JSONArray(listOf(fileFields("golden-0.f32").put("index", 0))))
            .put("sustained", false)
        file("block.request.json").writeText(request.apply(change).toString())
    }

    private fun preparation() = JSONObject()
        .put("picture", JSONArray(listOf(9, 7)))
        .put("resize", JSONArray(listOf(5, 5)))
        .put("crop", JSONArray(listOf(4, 4)))
        .put("scale", 1.0)
        .put("mean", JSONArray(listOf(0, 0, 0)))
        .put("std", JSONArray(listOf(1, 1, 1)))
        .put("warmup", 2)
        .put("iterations", 5)

    private fun fileFields(name: String) =
        JSONObject().put("file", name).put("sha256", Sha256.of(file(name)))

    private fun file(name: String) = File(folder.root, name)

    private fun floats(vararg values: Float): ByteArray {
        val bytes = ByteBuffer.allocate(values.size * 4).order(ByteOrder.LITTLE_ENDIAN)
        values.forEach(bytes::putFloat)
        return bytes.array()
    }
}

private class FakeDevice : Device {
    var sustained = 0

    override fun thermal() = ThermalReading(1, null)

    override fun sustainPerformance() {
        sustained++
    }
}
