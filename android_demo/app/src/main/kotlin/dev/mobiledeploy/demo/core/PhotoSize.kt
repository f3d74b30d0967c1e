package dev.mobiledeploy.demo.core

/**
 * By what power of two to subsample a photo of [width] x [height] while it is decoded, so that it
 * has at most 4 million pixels: 16 MB as a bitmap, and still far more than a network looks at.
 */
fun sampleSize(width: Int, height: Int): Int {
    var size = 1
    while ((width / size).toLong() * (height / size) > MOST_PIXELS) size *= 2
    return size
}

private const val MOST_PIXELS = 4_000_000L
