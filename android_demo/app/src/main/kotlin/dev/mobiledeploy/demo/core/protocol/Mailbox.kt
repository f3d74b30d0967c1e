package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Sha256
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The folder where the harness lays a request and the files it names, and looks for the answer. */
class Mailbox(private val folder: File) {
    /** The request of the block [id], which must be a name. Throws [RunnerException]. */
    fun request(id: String): Request {
        val file = existing("$id.request.json")
        if (file.length() > MOST_BYTES) {
            throw RunnerException(ErrorKind.BAD_REQUEST, "the request is larger than any we know")
        }
        val request = Request.parse(file.readText())
        if (request.id != id) {
            throw RunnerException(ErrorKind.BAD_REQUEST, "the request is of ${request.id}, not $id")
        }
        return request
    }

    /** The file, once it has the hash that was said. Throws [RunnerException]. */
    fun file(wanted: DeviceFile): File {
        val file = existing(wanted.name)
        if (Sha256.of(file) != wanted.sha256) {
            throw RunnerException(ErrorKind.FILE_DIFFERS, "${wanted.name} has another hash")
        }
        return file
    }

    /** An input, little-endian, which must have so many [bytes]. */
    fun input(wanted: DeviceFile, bytes: Int): ByteBuffer {
        val file = file(wanted)
        if (file.length() != bytes.toLong()) {
            val what = "${wanted.name} has ${file.length()} bytes, the shape needs $bytes"
            throw RunnerException(ErrorKind.WRONG_SHAPE, what)
        }
        return ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    }

    /** Write the answer beside its place and rename it: who sees it sees all of it. */
    fun answer(answer: BlockAnswer) {
        val file = File(folder, "${answer.id}.answer.json")
        val part = File(folder, "${file.name}.part")
        part.writeText(answer.toJson().toString())
        if (!part.renameTo(file)) throw IOException("cannot rename $part")
    }

    private fun existing(name: String): File {
        val file = File(folder, name)
        if (!file.isFile) throw RunnerException(ErrorKind.FILE_MISSING, "$name is not there")
        return file
    }

    private companion object {
        const val MOST_BYTES = 1L shl 20
    }
}
