package dev.mobiledeploy.demo.core

import java.io.File
import java.io.InputStream
import java.security.MessageDigest

/** SHA-256 in 64 lower-case hexadecimal digits, as the manifest and the protocol have it. */
object Sha256 {
    fun of(bytes: ByteArray): String = hex(digest().digest(bytes))

    fun of(file: File): String = file.inputStream().use { read(it) { _, _ -> } }

    /** Of all that [stream] gives, each chunk of which [also] sees on the way. */
    fun read(stream: InputStream, also: (ByteArray, Int) -> Unit): String {
        val digest = digest()
        val chunk = ByteArray(1 shl 16)
        while (true) {
            val count = stream.read(chunk)
            if (count < 0) return hex(digest.digest())
            digest.update(chunk, 0, count)
            also(chunk, count)
        }
    }

    private fun digest() = MessageDigest.getInstance("SHA-256")

    private fun hex(bytes: ByteArray) =
        bytes.joinToString("") { "%02x".format(it.toInt() and 0xFF) }
}
