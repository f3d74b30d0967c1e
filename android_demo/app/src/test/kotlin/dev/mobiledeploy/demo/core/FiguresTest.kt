package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.Fixtures
import dev.mobiledeploy.demo.objects
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull

class FiguresTest {
    @Test
    fun `the top classes and their probabilities are Python's, with ties and NaN`() {
        for (case in Fixtures.list("topk/cases.json")) {
            val written = case.getJSONArray("logits")
            val logits = FloatArray(written.length()) { number(written.get(it)) }
            val found = topK(logits, case.getInt("k"))
            val expected = case.getJSONArray("top").objects()
            assertEquals(expected.map { it.getInt("index") }, found.map(Ranked::index), "$written")
            for ((one, other) in expected.zip(found)) {
                assertEquals(one.getDouble("probability"), other.probability, 1e-11)
            }
        }
    }

    @Test
    fun `order statistics are numpy's`() {
        for (case in Fixtures.list("order_statistics/cases.json")) {
            val written = case.getJSONArray("values")
            val values = List(written.length(), written::getLong)
            assertClose(case.getDouble("median"), median(values))
            val quantiles = case.getJSONObject("quantiles")
            for (q in quantiles.keys()) {
                assertClose(quantiles.getDouble(q), quantile(values, q.toDouble()))
            }
        }
        assertFailsWith<IllegalArgumentException> { median(emptyList()) }
    }

    @Test
    fun `recent frames forget the oldest`() {
        val frames = RecentFrames(3)
        assertNull(frames.median())
        for ((index, time) in listOf(1000.0, 1.0, 2.0, 3.0).withIndex()) {
            assertEquals(if (index < 2) null else 4.0, frames.perSecond())
            frames.add(FrameTimes(time, time * 4, time * 2, time * 3), 7 + index * 250_000_000L)
        }
        assertEquals(FrameTimes(2.0, 8.0, 4.0, 6.0), frames.median())
        assertEquals(4.0, frames.perSecond())
        frames.clear()
        assertNull(frames.median())
        assertNull(frames.perSecond())
    }

    @Test
    fun `the version name says what the app is made of`() {
        val version = AppVersion.parse("0.1.0+protocol.3.executorch.1.4.1.onnxruntime.1.22.0")
        assertEquals(3, version.protocol)
        assertEquals("1.4.1", version.executorch)
        assertEquals("1.22.0", version.onnxruntime)
        assertFailsWith<IllegalArgumentException> { AppVersion.parse("1.0") }
    }

    @Test
    fun `a runtime is exact, or at least of the version needed`() {
        val exact = RuntimeNeeded("ExecuTorch", "1.4.1", exact = true)
        assertEquals(listOf(true, false), listOf("1.4.1", "1.4.2").map(exact::isMetBy))
        val least = RuntimeNeeded("ONNX Runtime", "1.18", exact = false)
        val versions = listOf("1.18", "1.18.0", "1.22.0", "2.0", "1.17.9", "1.9")
        assertEquals(listOf(true, true, true, true, false, false), versions.map(least::isMetBy))
    }

    private fun number(written: Any): Float = when (written) {
        "nan" -> Float.NaN
        "inf" -> Float.POSITIVE_INFINITY
        "-inf" -> Float.NEGATIVE_INFINITY
        else -> (written as Number).toFloat()
    }

    private fun assertClose(expected: Double, found: Double) =
        assertEquals(expected, found, Math.abs(expected) * 1e-11)
}
