package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.Fixtures
import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.PixelBytes
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Size
import dev.mobiledeploy.demo.core.Times
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import org.json.JSONArray
import org.json.JSONObject

class ProtocolTest {
    @Test
    fun `the harness's requests are read`() {
        val golden = Request.parse(Fixtures.text("protocol/request_golden.json"))
        assertEquals("b-0001", golden.id)
        assertEquals(Format.ONNX, golden.artifact.format)
        assertEquals(DeviceFile("network-0123456789ab.onnx", "a".repeat(64)), golden.artifact.file)
        assertEquals(TimedInput.Photo(0), golden.input)
        assertEquals(listOf(0, 1), golden.golden.map(GoldenInput::index))
        assertEquals(listOf(2, 5, 20), listOf(golden.threads, golden.warmup, golden.iterations))
        assertEquals(4 * 3 * 224 * 224, golden.bytes)
        assertEquals(null, golden.pixels)
        val seed = Request.parse(Fixtures.text("protocol/request_seed.json"))
        assertEquals(Format.EXECUTORCH, seed.artifact.format)
        assertEquals(TimedInput.Seed(7), seed.input)
        assertEquals(true, seed.sustained)
        val pixels = Request.parse(Fixtures.text("protocol/request_pixels.json"))
        assertEquals(PixelBytes(signed = false), pixels.pixels)
        assertEquals(4 * 224 * 224, pixels.bytes)
        assertEquals(null, pixels.preparation)
        val asked = Request.parse(Fixtures.text("protocol/request_preparation.json"))
        val preparation = checkNotNull(asked.preparation)
        assertEquals(Size(640, 480), preparation.picture)
        assertEquals(listOf(10, 20), listOf(preparation.warmup, preparation.iterations))
        assertEquals(listOf(1L, 3L, 224L, 224L), preparation.preprocessing.shape)
    }

    @Test
    fun `what is no request of ours is refused with its kind`() {
        for (case in Fixtures.list("protocol/refused_requests.json")) {
            val name = case.getString("name")
            val refused =
                assertFailsWith<RunnerException>(name) { Request.parse(case.getString("text")) }
            assertEquals(case.getString("kind"), refused.kind.word, name)
        }
    }

    @Test
    fun `what cannot be prepared is refused`() {
        for (case in Fixtures.list("protocol/refused_preparations.json")) {
            val name = case.getString("name")
            val refused =
                assertFailsWith<RunnerException>(name) { Request.parse(case.getString("text")) }
            assertEquals(ErrorKind.BAD_REQUEST, refused.kind, name)
            assertEquals(true, refused.message?.startsWith("preparation"), name)
        }
    }

    @Test
    fun `an answer is written as the harness reads it`() {
        assertEquals(plain(Fixtures.json("protocol/answer_ok.json")), written(measured(null)))
        val preparation = PreparationTimes(
            picture = Size(640, 480),
            crop = listOf(3_000_000, 2_900_000),
            input = listOf(400_000, 410_000),
        )
        assertEquals(
            plain(Fixtures.json("protocol/answer_preparation.json")),
            written(measured(preparation)),
        )
    }

    private fun measured(preparation: PreparationTimes?) = BlockAnswer.Measured(
        id = "b-0001",
        runner = RunnerFacts(
            "0.1.0+protocol.3.executorch.1.4.1.onnxruntime.1.23.2",
            "ONNX Runtime",
            "1.23.2",
        ),
        load = 25_000_000,
        times = Times(9_000_000, listOf(4_000_000, 4_100_000, 3_999_999)),
        thermalBefore = ThermalReading(0, 0.5f),
        thermalAfter = ThermalReading(1, null),
        memoryBefore = 92L shl 20,
        memoryPeak = 130L shl 20,
        logits = mapOf(
            0 to floatArrayOf(1.5f, -2f, Float.NaN),
            1 to floatArrayOf(0f, 3.25f, 1e-30f),
        ),
        preparation = preparation,
    )

    @Test
    fun `a failure is written as the harness reads it`() {
        val text = "Missing operator: aten::hardswish.out"
        val answer = BlockAnswer.Failed("b-0001", ErrorKind.OPERATOR_MISSING, text)
        assertEquals(plain(Fixtures.json("protocol/answer_error.json")), written(answer))
    }

    @Test
    fun `a long text is cut to what an answer may hold`() {
        val answer = BlockAnswer.Failed("b", ErrorKind.INTERNAL, "x".repeat(10_000))
        assertEquals(4000, answer.toJson().getJSONObject("error").getString("text").length)
    }

    private fun written(answer: BlockAnswer) = plain(JSONObject(answer.toJson().toString()))

    /** Maps and lists, which compare by what is in them; all numbers as doubles. */
    private fun plain(value: Any): Any = when (value) {
        is JSONObject -> value.keys().asSequence().associateWith { plain(value.get(it)) }
        is JSONArray -> List(value.length()) { plain(value.get(it)) }
        is Number -> value.toDouble()
        else -> value
    }
}
