package dev.mobiledeploy.demo.session

import android.content.ContentResolver
import android.net.Uri
import android.provider.OpenableColumns

/** What another app calls the file that it offers: a line for the screen, of no use as a path. */
fun ContentResolver.nameOf(file: Uri): String {
    val told = try {
        query(file, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { rows ->
            if (rows.moveToFirst()) rows.getString(0) else null
        }
    } catch (_: RuntimeException) { // Whatever the other app throws comes through to us.
        null
    }
    val name = told ?: file.lastPathSegment.orEmpty()
    return name.filterNot(Char::isISOControl).take(LONGEST).ifEmpty { "?" }
}

private const val LONGEST = 80
