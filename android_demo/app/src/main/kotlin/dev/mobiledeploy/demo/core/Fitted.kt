package dev.mobiledeploy.demo.core

/** Where something lies in a view, in its pixels. */
data class Box(val left: Double, val top: Double, val right: Double, val bottom: Double)

/**
 * Where [part] of a picture of [width] x [height] lies in a view, where the picture is as large as
 * the view lets it be and begins at the top and the left.
 */
fun fitted(width: Int, height: Int, viewWidth: Int, viewHeight: Int, part: PicturePart): Box {
    val scale = minOf(viewWidth.toDouble() / width, viewHeight.toDouble() / height)
    val (across, down) = width * scale to height * scale
    return Box(
        left = part.left * across,
        top = part.top * down,
        right = (part.left + part.width) * across,
        bottom = (part.top + part.height) * down,
    )
}
