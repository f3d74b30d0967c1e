package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.Fixtures
import dev.mobiledeploy.demo.doubles
import dev.mobiledeploy.demo.ints
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.util.Base64
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import org.json.JSONObject

class PreprocessingTest {
    @Test
    fun `resize and crop equal Python's to the byte`() {
        for (name in Fixtures.names("preprocessing", ".png")) {
            val facts = Fixtures.json("preprocessing/$name.json")
            val preprocessing = preprocessing(size(facts, "resize"), size(facts, "crop"))
            val crop = preprocessing.crop(Fixtures.picture("preprocessing/$name.png"))
            val expected = Fixtures.file("preprocessing/$name.rgb").readBytes()
            assertContentEquals(expected, crop.pixels, name)
        }
    }

    @Test
    fun `normalized values equal Python's bit by bit`() {
        val facts = Fixtures.json("preprocessing/normalized.json")
        val size = Size(facts.getInt("height"), facts.getInt("width"))
        val preprocessing = Preprocessing(
            resize = size,
            crop = size,
            scale = facts.getDouble("scale"),
            mean = facts.getJSONArray("mean").doubles(),
            std = facts.getJSONArray("std").doubles(),
        )
        val input = FloatBuffer.allocate(size.height * size.width * RgbImage.CHANNELS)
        preprocessing.normalize(RgbImage(size.width, size.height, decoded(facts, "rgb")), input)
        val expected = ByteBuffer.wrap(decoded(facts, "input")).order(ByteOrder.LITTLE_ENDIAN)
        assertEquals(expected.asFloatBuffer(), input)
    }

    @Test
    fun `pixels are the crop's bytes with alpha, and as int8 less 128`() {
        val photo = RgbImage(2, 1, byteArrayOf(0, 127, -128, -1, 1, 2))
        val preprocessing = preprocessing(Size(1, 2), Size(1, 2))
        val expected = mapOf(
            false to byteArrayOf(0, 127, -128, -1, -1, 1, 2, -1),
            true to byteArrayOf(-128, -1, 0, 127, 127, -127, -126, 127),
        )
        for ((signed, bytes) in expected) {
            val input = NetworkInput.Pixels(ByteBuffer.allocate(8), PixelBytes(signed))
            preprocessing.normalize(photo, input)
            assertContentEquals(bytes, input.bytes.array())
        }
    }

    @Test
    fun `the part that the network sees is told`() {
        for (case in Fixtures.list("photos/seen.json")) {
            val part = preprocessing(size(case, "resize"), size(case, "crop"))
                .partOf(case.getInt("width"), case.getInt("height"))
            val found = listOf(part.left, part.top, part.width, part.height)
            for ((one, other) in found.zip(case.getJSONArray("part").doubles())) {
                assertEquals(other, one, 1e-11)
            }
        }
    }

    @Test
    fun `a picture is fitted to the top and the left of a view, and a part of it with it`() {
        val whole = PicturePart(0.0, 0.0, 1.0, 1.0)
        assertEquals(Box(0.0, 0.0, 300.0, 400.0), fitted(480, 640, 300, 700, whole))
        assertEquals(Box(0.0, 0.0, 400.0, 300.0), fitted(640, 480, 700, 300, whole))
        val part = PicturePart(0.25, 0.5, 0.5, 0.25)
        assertEquals(Box(75.0, 200.0, 225.0, 300.0), fitted(480, 640, 300, 700, part))
    }

    @Test
    fun `photos are subsampled by powers of two, and small ones not at all`() {
        assertEquals(1, sampleSize(1, 1))
        assertEquals(1, sampleSize(2000, 2000))
        assertEquals(2, sampleSize(2001, 2001))
        assertEquals(4, sampleSize(8000, 6000))
        assertEquals(8, sampleSize(16_000, 12_500))
    }

    private fun preprocessing(resize: Size, crop: Size) =
        Preprocessing(resize, crop, 1.0, listOf(0.0, 0.0, 0.0), listOf(1.0, 1.0, 1.0))

    private fun size(facts: JSONObject, name: String): Size {
        val (height, width) = facts.getJSONArray(name).ints()
        return Size(height, width)
    }

    private fun decoded(facts: JSONObject, name: String) =
        Base64.getDecoder().decode(facts.getString(name))
}
