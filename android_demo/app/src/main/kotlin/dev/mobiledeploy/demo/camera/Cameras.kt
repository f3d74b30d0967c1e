package dev.mobiledeploy.demo.camera

import android.graphics.ImageFormat
import android.graphics.Rect
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.util.Size
import dev.mobiledeploy.demo.core.Metering
import dev.mobiledeploy.demo.core.Orientation
import dev.mobiledeploy.demo.core.SensorArea
import dev.mobiledeploy.demo.core.SensorSize
import kotlin.math.abs

/**
 * A camera of the phone, [sensor] degrees being how it is built in; [light] if it has one. [pixels]
 * are those of its sensor, [regions] what it lets an app choose a part of them for.
 */
data class Camera(
    val id: String,
    val front: Boolean,
    val sensor: Int,
    val size: Size,
    val light: Boolean,
    val pixels: SensorSize,
    val regions: Regions,
) {
    /** Whether a tap does anything. */
    val focuses: Boolean get() = regions.focus || regions.exposure

    /** What to meter for a tap at [x], [y] of a view that shows its preview; null beside it. */
    fun areaAt(x: Float, y: Float, width: Int, height: Int, display: Int): SensorArea? =
        Metering(size.width, size.height, orientation(display), pixels)
            .around(x.toDouble(), y.toDouble(), width, height)

    /** Whether its picture lies on its side on a display turned by [display] degrees. */
    fun isSideways(display: Int): Boolean = (sensor - display).mod(180) == 90

    /** Of its frames on a display turned by [display] degrees. */
    fun orientation(display: Int): Orientation = Orientation.ofCamera(sensor, display, front)
}

/** Whether a part of the picture may be chosen to focus on, and to expose for. */
data class Regions(val focus: Boolean, val exposure: Boolean)

/** The phone's cameras, those on its back first. Throws CameraAccessException. */
fun camerasOf(manager: CameraManager): List<Camera> =
    manager.cameraIdList.mapNotNull { camera(it, manager.getCameraCharacteristics(it)) }
        .sortedBy(Camera::front)

private fun camera(id: String, facts: CameraCharacteristics): Camera? {
    val streams = facts[CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP] ?: return null
    val array = facts[CameraCharacteristics.SENSOR_INFO_ACTIVE_ARRAY_SIZE] ?: Rect()
    val isKnown = !array.isEmpty
    val modes = facts[CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES] ?: IntArray(0)
    val frames = streams.getOutputSizes(ImageFormat.YUV_420_888).orEmpty().toSet()
    val previews = streams.getOutputSizes(SurfaceTexture::class.java).orEmpty().toSet()
    val size = (frames intersect previews).minByOrNull { abs(it.width * it.height - PIXELS) }
    return size?.let {
        Camera(
            id = id,
            front = facts[CameraCharacteristics.LENS_FACING] ==
                CameraCharacteristics.LENS_FACING_FRONT,
            sensor = facts[CameraCharacteristics.SENSOR_ORIENTATION] ?: 0,
            size = it,
            light = facts[CameraCharacteristics.FLASH_INFO_AVAILABLE] == true,
            // Where it lies on the sensor is nothing to regions.
            pixels = SensorSize(array.width(), array.height()),
            regions = Regions(
                focus = isKnown &&
                    (facts[CameraCharacteristics.CONTROL_MAX_REGIONS_AF] ?: 0) > 0 &&
                    CaptureRequest.CONTROL_AF_MODE_AUTO in modes,
                exposure = isKnown &&
                    (facts[CameraCharacteristics.CONTROL_MAX_REGIONS_AE] ?: 0) > 0,
            ),
        )
    }
}

// As many as a network with 224 x 224 can use, and quick to turn into RGB.
private const val PIXELS = 640 * 480
