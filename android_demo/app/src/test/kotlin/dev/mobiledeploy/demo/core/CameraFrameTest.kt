package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.Fixtures
import java.nio.ByteBuffer
import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.json.JSONObject

class CameraFrameTest {
    @Test
    fun `frames of every layout become upright pictures within 1 of the reference`() {
        for (name in Fixtures.names("yuv", ".json")) {
            val facts = Fixtures.json("yuv/$name.json")
            val orientation = Orientation.ofCamera(
                facts.getInt("sensor_degrees"),
                facts.getInt("display_degrees"),
                facts.getBoolean("front"),
            )
            val upright = orientation.apply(frame(name, facts).toRgb())
            val expected = Fixtures.file("yuv/$name.rgb").readBytes()
            assertEquals(expected.size, upright.pixels.size, name)
            val pairs = expected.zip(upright.pixels)
            val worst = pairs.maxOf { (one, other) -> abs(value(one) - value(other)) }
            assertTrue(worst <= 1, "$name differs by $worst")
        }
    }

    @Test
    fun `the eight EXIF orientations are undone`() {
        val expected = Fixtures.file("exif/upright.rgb").readBytes()
        for (tag in 1..8) {
            val upright = Orientation.ofExif(tag).apply(Fixtures.picture("exif/$tag.png"))
            assertContentEquals(expected, upright.pixels, "orientation $tag")
        }
    }

    @Test
    fun `an orientation that the standard does not know is upright`() {
        for (tag in listOf(-1, 0, 9, Int.MAX_VALUE)) {
            assertEquals(Orientation.UPRIGHT, Orientation.ofExif(tag))
        }
    }

    private fun frame(name: String, facts: JSONObject): YuvFrame {
        val bytes = Fixtures.file("yuv/$name.yuv").readBytes()
        val (y, u, v) = listOf("y", "u", "v").map { plane ->
            val layout = facts.getJSONObject("planes").getJSONObject(plane)
            val view = ByteBuffer.wrap(bytes, layout.getInt("offset"), layout.getInt("length"))
            Plane(view.slice(), layout.getInt("row_stride"), layout.getInt("pixel_stride"))
        }
        return YuvFrame(facts.getInt("width"), facts.getInt("height"), y, u, v)
    }

    private fun value(byte: Byte) = byte.toInt() and 0xFF
}
