package dev.mobiledeploy.demo.ui

import android.graphics.Matrix
import android.graphics.RectF
import dev.mobiledeploy.demo.camera.Camera

/**
 * For a TextureView of [width] x [height]: shows all of the camera's picture, upright and in its
 * own proportions, at the view's top and left.
 *
 * By itself the view shows the picture as is right for the phone's own upright position, stretched
 * to its size.
 */
fun previewTransform(camera: Camera, width: Int, height: Int, display: Int): Matrix {
    val sideways = camera.sensor % 180 == 90
    val pictureWidth = (if (sideways) camera.size.height else camera.size.width).toFloat()
    val pictureHeight = (if (sideways) camera.size.width else camera.size.height).toFloat()
    val view = RectF(0f, 0f, width.toFloat(), height.toFloat())
    val picture = RectF(0f, 0f, pictureWidth, pictureHeight)
    picture.offset(view.centerX() - picture.centerX(), view.centerY() - picture.centerY())
    val turned = display % 180 == 90
    val scale = if (turned) {
        minOf(height / pictureWidth, width / pictureHeight)
    } else {
        minOf(width / pictureWidth, height / pictureHeight)
    }
    return Matrix().apply {
        setRectToRect(view, picture, Matrix.ScaleToFit.FILL)
        postScale(scale, scale, view.centerX(), view.centerY())
        postRotate(-display.toFloat(), view.centerX(), view.centerY())
        val shown = RectF(view).also(::mapRect)
        postTranslate(-shown.left, -shown.top)
    }
}
