package dev.mobiledeploy.demo.camera

import android.annotation.SuppressLint
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.MeteringRectangle
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.view.Surface
import dev.mobiledeploy.demo.core.Plane
import dev.mobiledeploy.demo.core.SensorArea
import dev.mobiledeploy.demo.core.YuvFrame
import dev.mobiledeploy.demo.session.Worker
import java.util.concurrent.atomic.AtomicBoolean

/**
 * An open camera that shows its preview on [texture] and hands each frame it can to [onFrame].
 *
 * Opening, frames and closing happen on the worker, one after the other, so no frame is read after
 * closing. A thread of its own drops the frames that come while one is being dealt with: the camera
 * waits for buffers to come back, and the preview would with it.
 */
class CameraFeed(
    private val manager: CameraManager,
    private val camera: Camera,
    private val texture: SurfaceTexture,
    private val worker: Worker,
    private val onFrame: (YuvFrame) -> Unit,
    private val onFailure: (CameraFailure) -> Unit,
) {
    private var device: CameraDevice? = null
    private var session: CameraCaptureSession? = null
    private var light = false

    // What the user has tapped on, for a while.
    private var metered: SensorArea? = null
    private val forget = Runnable {
        metered = null
        session?.let { attempt { request(it) } }
    }

    @Volatile
    private var closed = false
    private val busy = AtomicBoolean()
    private val frames = HandlerThread("frames").apply { start() }
    private val framesHandler = Handler(frames.looper)
    private val preview = Surface(texture)
    private val reader = ImageReader.newInstance(
        camera.size.width,
        camera.size.height,
        ImageFormat.YUV_420_888,
        IMAGES,
    )

    fun open() = worker.run {
        if (!closed) {
            texture.setDefaultBufferSize(camera.size.width, camera.size.height)
            reader.setOnImageAvailableListener({ frameIsThere() }, framesHandler)
            attempt(::openDevice)
        }
    }

    /** Turn the camera's light on or off. */
    fun shine(on: Boolean) = worker.run {
        light = on
        session?.let { attempt { request(it) } }
    }

    /** Focus on [area] and expose for it, as far as the camera can, for some seconds. */
    fun focus(area: SensorArea) = worker.run {
        worker.handler.removeCallbacks(forget)
        metered = area
        session?.let { attempt { request(it, begin = true) } }
        worker.handler.postDelayed(forget, METERED_MS)
    }

    /** Give back camera and preview, once the frame at work is done. */
    fun close() {
        closed = true
        worker.handler.removeCallbacks(forget)
        worker.run {
            device?.close()
            preview.release()
            framesHandler.post {
                reader.setOnImageAvailableListener(null, null)
                reader.close()
                frames.quitSafely()
            }
        }
    }

    // The screen asks for the permission first; without it the attempt fails in words.
    @SuppressLint("MissingPermission")
    private fun openDevice() = manager.openCamera(
        camera.id,
        object : CameraDevice.StateCallback() {
            override fun onOpened(opened: CameraDevice) {
                if (closed) return opened.close()
                device = opened
                attempt { startSession(opened) }
            }

            override fun onDisconnected(lost: CameraDevice) = fail(lost, CameraFailure.TAKEN)

            override fun onError(lost: CameraDevice, error: Int) = fail(
                lost,
                when (error) {
                    ERROR_CAMERA_IN_USE, ERROR_MAX_CAMERAS_IN_USE -> CameraFailure.TAKEN
                    ERROR_CAMERA_DISABLED -> CameraFailure.FORBIDDEN
                    else -> CameraFailure.BROKEN
                },
            )
        },
        worker.handler,
    )

    private fun fail(lost: CameraDevice, failure: CameraFailure) {
        lost.close()
        device = null
        session = null
        onFailure(failure)
    }

    // Its successor needs Android 9.
    @Suppress("DEPRECATION")
    private fun startSession(opened: CameraDevice) = opened.createCaptureSession(
        listOf(preview, reader.surface),
        object : CameraCaptureSession.StateCallback() {
            override fun onConfigured(configured: CameraCaptureSession) {
                if (closed || device == null) return
                session = configured
                attempt { request(configured) }
            }

            override fun onConfigureFailed(session: CameraCaptureSession) =
                onFailure(CameraFailure.BROKEN)
        },
        worker.handler,
    )

    /** Ask for frames; to [begin], have the camera look for its focus once. */
    private fun request(session: CameraCaptureSession, begin: Boolean = false) {
        if (closed || device == null) return
        val request = session.device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
        request.addTarget(preview)
        request.addTarget(reader.surface)
        meter(request)
        if (light) request.set(CaptureRequest.FLASH_MODE, CaptureRequest.FLASH_MODE_TORCH)
        session.setRepeatingRequest(request.build(), null, worker.handler)
        if (begin && camera.regions.focus) {
            request.set(CaptureRequest.CONTROL_AF_TRIGGER, CaptureRequest.CONTROL_AF_TRIGGER_START)
            session.capture(request.build(), null, worker.handler)
        }
    }

    /** By itself where nothing was tapped on, or the camera takes no regions. */
    private fun meter(request: CaptureRequest.Builder) {
        val regions = metered?.run {
            val weight = MeteringRectangle.METERING_WEIGHT_MAX
            arrayOf(MeteringRectangle(left, top, width, height, weight))
        }
        val chosen = regions != null && camera.regions.focus
        request.set(
            CaptureRequest.CONTROL_AF_MODE,
            if (chosen) {
                CaptureRequest.CONTROL_AF_MODE_AUTO
            } else {
                CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE
            },
        )
        if (chosen) request.set(CaptureRequest.CONTROL_AF_REGIONS, regions)
        if (regions != null && camera.regions.exposure) {
            request.set(CaptureRequest.CONTROL_AE_REGIONS, regions)
        }
    }

    private fun frameIsThere() {
        val image = reader.acquireLatestImage() ?: return
        if (closed || !busy.compareAndSet(false, true)) return image.close()
        worker.run {
            try {
                // Once closed, the image goes with its reader.
                if (!closed) image.use { onFrame(it.toYuv()) }
            } finally {
                busy.set(false)
            }
        }
    }

    private fun attempt(work: () -> Unit) {
        try {
            work()
        } catch (error: CameraAccessException) {
            onFailure(
                when (error.reason) {
                    CameraAccessException.CAMERA_IN_USE,
                    CameraAccessException.MAX_CAMERAS_IN_USE,
                    -> CameraFailure.TAKEN
                    CameraAccessException.CAMERA_DISABLED -> CameraFailure.FORBIDDEN
                    else -> CameraFailure.BROKEN
                },
            )
        } catch (_: SecurityException) {
            onFailure(CameraFailure.FORBIDDEN)
        } catch (_: IllegalStateException) {
            // The device went away between two calls.
            onFailure(CameraFailure.BROKEN)
        } catch (_: IllegalArgumentException) {
            // The preview's surface did, which is as it should be when the screen goes.
            if (!closed) onFailure(CameraFailure.BROKEN)
        }
    }

    private companion object {
        // The frame at work, the latest one, and one to tell by that there is none later.
        const val IMAGES = 3
        const val METERED_MS = 5_000L
    }
}

private fun Image.toYuv(): YuvFrame {
    val (y, u, v) = planes.map { Plane(it.buffer, it.rowStride, it.pixelStride) }
    return YuvFrame(width, height, y, u, v)
}
