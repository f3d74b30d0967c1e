package dev.mobiledeploy.demo.camera

import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.util.Size
import dev.mobiledeploy.demo.core.Orientation
import kotlin.math.abs

/** A camera of the phone, [sensor] degrees being how it is built in; [light] if it has one. */
data class Camera(
    val id: String,
    val front: Boolean,
    val sensor: Int,
    val size: Size,
    val light: Boolean,
) {
    /** Whether its picture lies on its side on a display turned by [display] degrees. */
    fun isSideways(display: Int): Boolean = (sensor - display).mod(180) == 90

    /** Of its frames on a display turned by [display] degrees. */
    fun orientation(display: Int): Orientation = Orientation.ofCamera(sensor, display, front)
}

/** The phone's cameras, those on its back first. Throws CameraAccessException. */
fun camerasOf(manager: CameraManager): List<Camera> =
    manager.cameraIdList.mapNotNull { camera(it, manager.getCameraCharacteristics(it)) }
        .sortedBy(Camera::front)

private fun camera(id: String, facts: CameraCharacteristics): Camera? {
    val streams = facts[CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP] ?: return null
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
        )
    }
}

// As many as a network with 224 x 224 can use, and quick to turn into RGB.
private const val PIXELS = 640 * 480
