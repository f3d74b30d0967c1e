package dev.mobiledeploy.demo.ui

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import dev.mobiledeploy.demo.core.Box

/** Marks over the preview what of it the network sees. */
class CropFrame(context: Context, attributes: AttributeSet) : View(context, attributes) {
    private val density = resources.displayMetrics.density

    // A light line on a dark one is seen on everything.
    private val lines = listOf(0xB0000000.toInt() to 4f, 0xFFFFFFFF.toInt() to 2f).map { line ->
        Paint(Paint.ANTI_ALIAS_FLAG).apply {
            style = Paint.Style.STROKE
            color = line.first
            strokeWidth = line.second * density
        }
    }

    /** In pixels of this view; null draws nothing. */
    var box: Box? = null
        set(value) {
            if (field == value) return
            field = value
            invalidate()
        }

    override fun onDraw(canvas: Canvas) {
        val box = box ?: return
        val (left, top) = box.left.toFloat() to box.top.toFloat()
        val (right, bottom) = box.right.toFloat() to box.bottom.toFloat()
        for (line in lines) canvas.drawRect(left, top, right, bottom, line)
    }
}
