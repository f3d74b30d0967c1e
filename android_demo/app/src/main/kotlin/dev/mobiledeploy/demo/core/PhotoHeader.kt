package dev.mobiledeploy.demo.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Why a photo is refused, by words that the Swift app and the fixtures share. */
enum class PhotoFault(val word: String) {
    /** Its decoders differ from phone to phone, and Python has none. */
    HEIF("heif"),

    /** Of 16 bits a channel: Android rounds them where Python cuts them off. */
    DEEP("deep"),
    UNKNOWN("unknown"),
    DAMAGED("damaged"),

    /** One side beyond 64 times the other: it would grow without bounds when it is resized. */
    NARROW("narrow"),
    LARGE("large"),

    /** Whoever offered it does not give it to us. */
    GONE("gone"),
}

/** A photo that cannot be used; [detail] is for those who look closer. */
class PhotoException(val fault: PhotoFault, val detail: String = "") :
    Exception("${fault.word} $detail".trim())

/**
 * What a photo's file says before it is decoded: how it becomes upright, if we take it at all.
 *
 * The rules are those of `deploy/photos/images.py`, and tests/fixtures/photos holds what Python,
 * Kotlin and Swift agree on. Android's own reader of EXIF knows no .png and .webp before Android
 * 11, and throws what it likes.
 */
object PhotoHeader {
    private const val MOST_PIXELS = 100_000_000L
    private const val MOST_ASPECT = 64L
    private const val ORIENTATION = 0x0112
    private val EXIF = "Exif\u0000\u0000".toByteArray(Charsets.ISO_8859_1)

    /** How the photo in [file] becomes upright. Throws [PhotoException] for what is refused. */
    fun orientation(file: ByteArray): Orientation {
        val exif = when {
            file.has(0, "\u00FF\u00D8\u00FF") -> exifOfJpeg(file)
            file.has(0, "\u0089PNG\r\n\u001A\n") -> exifOfPng(file)
            file.has(0, "RIFF") && file.has(8, "WEBP") -> exifOfWebp(file)
            file.has(0, "II*\u0000") || file.has(0, "MM\u0000*") -> ByteBuffer.wrap(file)
            file.has(0, "BM") || file.has(0, "GIF87a") || file.has(0, "GIF89a") -> null
            file.has(4, "ftyp") -> throw PhotoException(PhotoFault.HEIF)
            else -> throw PhotoException(PhotoFault.UNKNOWN)
        }
        return Orientation.ofExif(exif?.let(::tag) ?: 1)
    }

    /** Throws [PhotoException] for a picture of such sides in pixels that we do not decode. */
    fun check(width: Int, height: Int) {
        if (width < 1 || height < 1) throw PhotoException(PhotoFault.DAMAGED)
        val sides = "$width x $height"
        if (width.toLong() * height > MOST_PIXELS) throw PhotoException(PhotoFault.LARGE, sides)
        if (maxOf(width, height) > MOST_ASPECT * minOf(width, height)) {
            throw PhotoException(PhotoFault.NARROW, sides)
        }
    }

    /** ITU-T T.81, annex B: markers, each with its length, up to the first scan. */
    private fun exifOfJpeg(file: ByteArray): ByteBuffer? {
        var at = 2
        while (at + 4 <= file.size && file.value(at) == 0xFF) {
            val marker = file.value(at + 1)
            if (marker == 0xFF) {
                at++
                continue
            }
            if (marker == 0xDA || marker == 0xD9) return null
            val length = file.value(at + 2) shl 8 or file.value(at + 3)
            val end = at + 2 + length
            if (length < 2 || end > file.size) return null
            val isExif = marker == 0xE1 && (0 until EXIF.size).all { place ->
                at + 4 + place < end && file[at + 4 + place] == EXIF[place]
            }
            if (isExif) return ByteBuffer.wrap(file, at + 4, end - at - 4).slice()
            at = end
        }
        return null
    }

    /** PNG (third edition), 5.3: chunks up to the end, EXIF before the pixels or behind them. */
    private fun exifOfPng(file: ByteArray): ByteBuffer? {
        val chunks = ByteBuffer.wrap(file)
        var at = 8
        while (at + 12 <= file.size) {
            val length = chunks.getInt(at)
            if (length < 0 || length > file.size - at - 12) return null
            if (file.has(at + 4, "IHDR") && length >= 9 && file.value(at + 16) == 16) {
                throw PhotoException(PhotoFault.DEEP)
            }
            if (file.has(at + 4, "eXIf")) return ByteBuffer.wrap(file, at + 8, length).slice()
            at += 12 + length
        }
        return null
    }

    /** WebP's container: chunks of RIFF, padded to even lengths. */
    private fun exifOfWebp(file: ByteArray): ByteBuffer? {
        val chunks = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
        var at = 12
        while (at + 8 <= file.size) {
            val length = chunks.getInt(at + 4)
            if (length < 0 || length > file.size - at - 8) return null
            if (file.has(at, "EXIF")) return ByteBuffer.wrap(file, at + 8, length).slice()
            at += 8 + length + length % 2
        }
        return null
    }

    /** The orientation's number in [exif], a TIFF 6.0; 1 where it has none that can be read. */
    private fun tag(exif: ByteBuffer): Int {
        // Cameras put the mark of JPEG before it in other formats too.
        while (exif.startsWith(EXIF)) exif.position(exif.position() + EXIF.size)
        val bytes = exif.slice()
        if (bytes.remaining() < 8) return 1
        bytes.order(
            when (bytes.getInt(0)) {
                0x49492A00 -> ByteOrder.LITTLE_ENDIAN
                0x4D4D002A -> ByteOrder.BIG_ENDIAN
                else -> return 1
            },
        )
        val table = bytes.getInt(4).toLong() and 0xFFFFFFFFL
        if (table + 2 > bytes.limit()) return 1
        val entries = bytes.getShort(table.toInt()).toInt() and 0xFFFF
        for (entry in 0 until entries) {
            val at = table.toInt() + 2 + 12 * entry
            if (at + 12 > bytes.limit()) return 1
            if (bytes.getShort(at).toInt() and 0xFFFF != ORIENTATION) continue
            return if (bytes.getInt(at + 4) != 1) 1 else when (bytes.getShort(at + 2).toInt()) {
                BYTE -> bytes.get(at + 8).toInt()
                SHORT -> bytes.getShort(at + 8).toInt()
                LONG -> bytes.getInt(at + 8)
                else -> 1
            }
        }
        return 1
    }

    private const val BYTE = 1
    private const val SHORT = 3
    private const val LONG = 4

    private fun ByteBuffer.startsWith(prefix: ByteArray) =
        remaining() >= prefix.size && prefix.indices.all { get(position() + it) == prefix[it] }

    private fun ByteArray.value(at: Int) = this[at].toInt() and 0xFF

    /** Whether the bytes from [at] on are those of [text], a character each. */
    private fun ByteArray.has(at: Int, text: String) =
        at + text.length <= size && text.indices.all { value(at + it) == text[it].code }
}
