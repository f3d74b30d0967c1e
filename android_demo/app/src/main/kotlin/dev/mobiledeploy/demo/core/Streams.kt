package dev.mobiledeploy.demo.core

import java.io.ByteArrayOutputStream
import java.io.InputStream
import java.io.OutputStream

/** All that the stream holds; null where that is more than [most] bytes. */
fun InputStream.readAtMost(most: Int): ByteArray? {
    val bytes = ByteArrayOutputStream()
    return if (copyAtMost(most.toLong(), bytes)) bytes.toByteArray() else null
}

/** Copy all of the stream to [target], and tell whether that was no more than [most] bytes. */
fun InputStream.copyAtMost(most: Long, target: OutputStream): Boolean {
    val chunk = ByteArray(1 shl 16)
    var left = most
    while (true) {
        val count = read(chunk)
        if (count < 0) return true
        left -= count
        if (left < 0) return false
        target.write(chunk, 0, count)
    }
}
