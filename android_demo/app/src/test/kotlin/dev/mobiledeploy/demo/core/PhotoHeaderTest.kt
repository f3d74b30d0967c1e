package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.Fixtures
import java.util.Base64
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import org.json.JSONObject

class PhotoHeaderTest {
    @Test
    fun `files are taken and turned as Python does, or refused by name`() {
        for (case in Fixtures.list("photos/files.json")) {
            val name = case.getString("name")
            val file = Base64.getDecoder().decode(case.getString("file"))
            val fault = fault(case)
            if (fault == null) {
                val expected = Orientation.ofExif(case.getInt("orientation"))
                assertEquals(expected, PhotoHeader.orientation(file), name)
            } else {
                val error =
                    assertFailsWith<PhotoException>(name) { PhotoHeader.orientation(file) }
                assertEquals(fault, error.fault.word, name)
            }
        }
    }

    @Test
    fun `no file cut short or altered ends in anything but an answer`() {
        for (case in Fixtures.list("photos/files.json")) {
            val file = Base64.getDecoder().decode(case.getString("file"))
            for (place in file.indices) {
                read(file.copyOf(place))
                for (value in listOf(0x00, 0x7F, 0xFF)) {
                    read(file.copyOf().also { it[place] = value.toByte() })
                }
            }
        }
    }

    @Test
    fun `sides are refused and subsampled as everywhere`() {
        for (case in Fixtures.list("photos/sides.json")) {
            val (width, height) = case.getInt("width") to case.getInt("height")
            val outcome = runCatching { PhotoHeader.check(width, height) }
            val error = outcome.exceptionOrNull() as PhotoException?
            assertEquals(fault(case), error?.fault?.word, "$width x $height")
            assertEquals(case.getInt("subsampled"), sampleSize(width, height), "$width x $height")
        }
    }

    private fun read(file: ByteArray) {
        try {
            PhotoHeader.orientation(file)
        } catch (_: PhotoException) {
            // An answer too.
        }
    }

    private fun fault(case: JSONObject) =
        if (case.isNull("fault")) null else case.getString("fault")
}
