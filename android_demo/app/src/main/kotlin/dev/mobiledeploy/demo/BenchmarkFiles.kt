package dev.mobiledeploy.demo

import android.content.ContentProvider
import android.content.ContentValues
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.Binder
import android.os.ParcelFileDescriptor
import dev.mobiledeploy.demo.core.protocol.BenchFiles
import java.io.File
import java.io.FileNotFoundException

/**
 * The way in for the files of `mobile-deploy profile --runner app`, by `adb shell content`: run-as
 * enters debuggable builds alone, which Android slows down.
 *
 * The manifest asks for the permission DUMP, which adb's shell holds. A user may give it to an app
 * too, so the caller must be the shell besides. It runs in a process of its own: the one that is
 * measured does not know of it. The release build has no such provider.
 */
class BenchmarkFiles : ContentProvider() {
    private val files by lazy { BenchFiles(File(context!!.filesDir, BenchmarkActivity.FOLDER)) }

    override fun onCreate() = true

    /** A row for each file, or for the one that [uri] names. */
    override fun query(
        uri: Uri,
        projection: Array<out String>?,
        selection: String?,
        arguments: Array<out String>?,
        order: String?,
    ): Cursor {
        checkCaller()
        // The harness reads the columns in this order.
        val rows = MatrixCursor(arrayOf("name", "bytes", "sha256"))
        for (file in files.list(nameIn(uri))) {
            rows.addRow(arrayOf<Any>(file.name, file.bytes, file.sha256))
        }
        return rows
    }

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        checkCaller()
        val name = nameIn(uri)
        return when (mode) {
            "r" -> ParcelFileDescriptor.open(
                files.existing(name),
                ParcelFileDescriptor.MODE_READ_ONLY,
            )
            "w", "wt" -> ParcelFileDescriptor.open(
                files.place(name),
                ParcelFileDescriptor.MODE_WRITE_ONLY or ParcelFileDescriptor.MODE_CREATE or
                    ParcelFileDescriptor.MODE_TRUNCATE,
            )
            else -> throw FileNotFoundException("no mode for these files: $mode")
        }
    }

    override fun delete(uri: Uri, selection: String?, arguments: Array<out String>?): Int {
        checkCaller()
        return files.remove(nameIn(uri))
    }

    override fun getType(uri: Uri): String? = null

    override fun insert(uri: Uri, values: ContentValues?): Uri =
        throw UnsupportedOperationException("files are written, not inserted")

    override fun update(
        uri: Uri,
        values: ContentValues?,
        selection: String?,
        arguments: Array<out String>?,
    ): Int = throw UnsupportedOperationException("files are written, not updated")

    /** The file that [uri] names; null for all. */
    private fun nameIn(uri: Uri): String? {
        require(uri.pathSegments.size <= 1) { "no name of a file: ${uri.path}" }
        return uri.lastPathSegment
    }

    private fun checkCaller() {
        val caller = Binder.getCallingUid()
        if (caller != SHELL && caller != ROOT) {
            throw SecurityException("these files are for adb's shell, not for user $caller")
        }
    }

    private companion object {
        // Android's own numbers; Process.SHELL_UID needs Android 10.
        const val ROOT = 0
        const val SHELL = 2000
    }
}
