package dev.mobiledeploy.demo.core

import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

class MeteringTest {
    /** The one bright pixel of a stored picture is looked for where the upright one shows it. */
    @Test
    fun `a place on the upright picture is found in the stored one, however it is turned`() {
        val (width, height) = 5 to 3
        for (orientation in Orientation.entries) {
            for (place in 0 until width * height) {
                val picture = RgbImage(width, height)
                picture.pixels[place * RgbImage.CHANNELS] = 1
                val upright = orientation.apply(picture)
                val at = upright.pixels.indexOf(1) / RgbImage.CHANNELS
                val (column, row) = orientation.stored(
                    (at % upright.width + 0.5) / upright.width,
                    (at / upright.width + 0.5) / upright.height,
                )
                assertEquals(upright.width == height, orientation.isTransposed)
                val message = "$orientation at $place"
                assertTrue(abs((place % width + 0.5) / width - column) < 1e-9, message)
                assertTrue(abs((place / width + 0.5) / height - row) < 1e-9, message)
            }
        }
    }

    @Test
    fun `the middle of what is shown is the middle of the sensor`() {
        for (orientation in Orientation.entries) {
            val metering = Metering(640, 480, orientation, WIDE)
            val sideways = orientation.isTransposed
            val (width, height) = if (sideways) 480 to 640 else 640 to 480
            val area = assertNotNull(metering.around(width / 2.0, height / 2.0, width, height + 99))
            assertEquals(SensorArea(1820, 1320, 2180, 1680), area, "$orientation")
        }
    }

    @Test
    fun `corners of a phone held upright are corners of its sensor`() {
        // Built in at 90 degrees: the top of the phone is the left of the sensor.
        val back = Metering(640, 480, Orientation.ofCamera(90, 0, false), WIDE)
        assertEquals(SensorArea(0, 2640, 360, 3000), back.around(0.0, 0.0, 480, 900))
        assertEquals(SensorArea(0, 0, 360, 360), back.around(480.0, 0.0, 480, 900))
        assertEquals(SensorArea(3640, 0, 4000, 360), back.around(480.0, 640.0, 480, 900))
        // The front camera is built in the other way, and its preview is a mirror.
        val front = Metering(640, 480, Orientation.ofCamera(270, 0, true), WIDE)
        assertEquals(SensorArea(3640, 2640, 4000, 3000), front.around(0.0, 0.0, 480, 900))
    }

    @Test
    fun `a frame of other proportions is cut from the middle of the sensor`() {
        val wide = Metering(1280, 720, Orientation.UPRIGHT, WIDE)
        // 4000 x 2250 of 4000 x 3000.
        assertEquals(SensorArea(0, 375, 270, 645), wide.around(0.0, 0.0, 1280, 720))
        val tall = Metering(480, 640, Orientation.UPRIGHT, WIDE)
        // 2250 x 3000.
        assertEquals(SensorArea(2855, 2730, 3125, 3000), tall.around(480.0, 640.0, 480, 640))
    }

    @Test
    fun `beside the picture there is nothing to meter`() {
        val metering = Metering(640, 480, Orientation.UPRIGHT, WIDE)
        assertNull(metering.around(320.0, 481.0, 640, 900))
        assertNull(metering.around(-1.0, 10.0, 640, 900))
        assertNull(metering.around(10.0, 10.0, 0, 0))
        assertNotNull(metering.around(320.0, 480.0, 640, 900))
    }

    private companion object {
        val WIDE = SensorSize(4000, 3000)
    }
}
