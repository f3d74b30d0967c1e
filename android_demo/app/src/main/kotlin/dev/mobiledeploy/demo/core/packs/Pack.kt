package dev.mobiledeploy.demo.core.packs

import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Why a pack is refused, by words that the Swift app and the fixtures share. */
enum class PackFault(val word: String) {
    NO_PACK("no-pack"),
    COMPRESSED("compressed"),
    PATH("path"),
    LINK("link"),
    TWICE("twice"),
    SIZE("size"),
    HASH("hash"),
    MISSING("missing"),
    SCHEMA("schema"),
    MANIFEST("manifest"),
}

/** A pack that is refused; the message names what is wrong with it. */
class PackException(val fault: PackFault, message: String) : Exception(message)

/**
 * A bundle as one .zip, as `mobile-deploy pack` writes it and no other tool does.
 *
 * Entries are stored as they are, one behind the other without a gap, and told alike in both places
 * that tell of them (APPNOTE 6.3.10): so no two lie in the same bytes, and a size is known before
 * anything is read. Nothing of it is a path on this phone before it has been checked.
 */
class Pack private constructor(
    private val file: RandomAccessFile,
    /** What the bundle is called. */
    val bundle: String,
    private val entries: Map<String, Entry>,
) : Closeable {
    internal class Entry(val name: String, val size: Long, val begin: Long)

    /** Paths in the bundle, each with the size of its file in bytes. */
    val sizes: Map<String, Long> get() = entries.mapValues { it.value.size }

    /** The bytes of one of them. */
    fun open(path: String): InputStream = Part(file, entries.getValue(path))

    override fun close() = file.close()

    companion object {
        /** Throws [PackException] for what is none, IOException where it cannot be read. */
        fun open(file: File): Pack {
            val opened = RandomAccessFile(file, "r")
            try {
                val entries = PackReader(opened).entries()
                val bundle = entries.first().name.substringBefore('/')
                return Pack(opened, bundle, paths(bundle, entries))
            } catch (error: Exception) { // Whatever it is, the file must not stay open.
                opened.close()
                throw error
            }
        }

        private val BUNDLE = Regex("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
        private val PATH =
            Regex("(?=.{1,255}$)[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")

        private fun paths(bundle: String, entries: List<Entry>): Map<String, Entry> {
            val found = mutableMapOf<String, Entry>()
            val spelled = mutableSetOf<String>()
            for (entry in entries) {
                val path = entry.name.removePrefix("$bundle/")
                val plain = path != entry.name && BUNDLE.matches(bundle) && PATH.matches(path)
                if (!plain) {
                    val what = "the name ${shown(entry.name)} is none that a bundle holds"
                    throw PackException(PackFault.PATH, what)
                }
                // File systems may not tell A from a.
                if (!spelled.add(path.lowercase())) {
                    throw PackException(PackFault.TWICE, "$path is there twice")
                }
                found[path] = entry
            }
            if ("manifest.json" !in found) {
                throw PackException(PackFault.NO_PACK, "it has no manifest.json")
            }
            return found
        }

        /** A stranger's name, for a message. */
        internal fun shown(name: String) =
            name.take(100).map { if (it in ' '..'~') it else '?' }.joinToString("")
    }

    private class Part(private val file: RandomAccessFile, private val entry: Entry) :
        InputStream() {
        private var done = 0L

        override fun read(): Int {
            val one = ByteArray(1)
            return if (read(one, 0, 1) < 0) -1 else one[0].toInt() and 0xFF
        }

        override fun read(bytes: ByteArray, offset: Int, length: Int): Int {
            if (length == 0) return 0
            val wanted = minOf(length.toLong(), entry.size - done).toInt()
            if (wanted == 0) return -1
            file.seek(entry.begin + done)
            val count = file.read(bytes, offset, wanted)
            if (count < 0) throw IOException("the file became shorter")
            done += count
            return count
        }
    }
}

/** Reads the table of a .zip that must be of our own form. */
private class PackReader(private val file: RandomAccessFile) {
    private val length = file.length()

    fun entries(): List<Pack.Entry> {
        if (length < END_BYTES) throw noPack("it is no .zip")
        val end = bytes(length - END_BYTES, END_BYTES)
        if (end.int != END_MARK || end.short != 0.toShort() || end.short != 0.toShort()) {
            throw noPack("it is no .zip of one part without a comment")
        }
        val (count, again) = end.whole16() to end.whole16()
        val (size, begin) = end.whole32() to end.whole32()
        val fits = count == again && end.whole16() == 0 && size <= MOST_TABLE_BYTES &&
            begin + size == length - END_BYTES
        if (!fits || count == 0 || count > MOST_ENTRIES) throw noPack("its table is wrong")
        val table = bytes(begin, size.toInt())
        val entries = mutableListOf<Pack.Entry>()
        var at = 0L
        repeat(count) {
            val entry = entry(table, at, begin)
            at = entry.begin + entry.size
            entries += entry
        }
        if (table.hasRemaining() || at != begin) throw noPack("its table does not end in order")
        return entries
    }

    /** The next of [table], which must begin [at] and end before [limit]. */
    private fun entry(table: ByteBuffer, at: Long, limit: Long): Pack.Entry {
        if (table.remaining() < CENTRAL_BYTES || table.int != CENTRAL_MARK) {
            throw noPack("its table is wrong")
        }
        val system = table.whole16() shr 8
        table.whole16()
        val fields = fields(table)
        val rest = List(3) { table.whole16() }
        val mode = (table.whole32() shr 16).toInt() and FORMAT
        val begin = table.whole32()
        val name = name(table, fields)
        val shown = Pack.shown(name)
        if (fields.method != 0) {
            val what = "$shown is compressed: make the file with mobile-deploy pack"
            throw PackException(PackFault.COMPRESSED, what)
        }
        val plain = fields.flags and UTF8.inv() == 0 && fields.extra == 0 && rest[0] == 0 &&
            rest[1] == 0 && fields.stored == fields.size
        if (!plain || begin != at) {
            throw noPack("$shown is not stored as mobile-deploy pack does")
        }
        if (system != UNIX || mode != REGULAR) {
            throw PackException(PackFault.LINK, "$shown is a link or a folder, not a file")
        }
        return Pack.Entry(name, fields.size, local(fields, name, at, limit))
    }

    /** Where the bytes of an entry begin, once its own header says the same as the table. */
    private fun local(told: Fields, name: String, at: Long, limit: Long): Long {
        val size = LOCAL_BYTES + told.name
        val shown = Pack.shown(name)
        if (at + size + told.size > limit) throw noPack("$shown reaches beyond the end")
        val header = bytes(at, size)
        if (header.int != LOCAL_MARK) throw noPack("$shown is not where the table says")
        header.whole16()
        val own = fields(header)
        val same = own == told && name(header, own) == name
        if (!same) throw noPack("$shown is told in two ways")
        return at + size
    }

    /** What both headers hold, in this order. */
    private data class Fields(
        val flags: Int,
        val method: Int,
        val sum: Long,
        val stored: Long,
        val size: Long,
        val name: Int,
        val extra: Int,
    )

    private fun fields(bytes: ByteBuffer): Fields {
        val (flags, method) = bytes.whole16() to bytes.whole16()
        bytes.int // When: of no use to us.
        return Fields(
            flags,
            method,
            sum = bytes.whole32(),
            stored = bytes.whole32(),
            size = bytes.whole32(),
            name = bytes.whole16(),
            extra = bytes.whole16(),
        )
    }

    private fun name(bytes: ByteBuffer, fields: Fields): String {
        if (fields.name + fields.extra > bytes.remaining()) throw noPack("its table is wrong")
        val name = ByteArray(fields.name).also(bytes::get)
        bytes.position(bytes.position() + fields.extra)
        // One character a byte: what is not ASCII is refused as a path.
        return String(name, Charsets.ISO_8859_1)
    }

    private fun bytes(at: Long, count: Int): ByteBuffer {
        if (at < 0 || at + count > length) throw noPack("its table is wrong")
        val bytes = ByteArray(count)
        file.seek(at)
        file.readFully(bytes)
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    }

    private fun ByteBuffer.whole16() = short.toInt() and 0xFFFF

    private fun ByteBuffer.whole32() = int.toLong() and 0xFFFFFFFFL

    private fun noPack(what: String) =
        PackException(PackFault.NO_PACK, "it is not a file of mobile-deploy pack: $what")

    private companion object {
        const val END_BYTES = 22
        const val END_MARK = 0x06054b50
        const val CENTRAL_BYTES = 46
        const val CENTRAL_MARK = 0x02014b50
        const val LOCAL_BYTES = 30
        const val LOCAL_MARK = 0x04034b50
        const val UTF8 = 0x800
        const val UNIX = 3
        const val FORMAT = 0xF000
        const val REGULAR = 0x8000
        const val MOST_ENTRIES = 10_000
        const val MOST_TABLE_BYTES = 4L shl 20
    }
}
