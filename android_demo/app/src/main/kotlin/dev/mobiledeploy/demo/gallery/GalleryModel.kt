package dev.mobiledeploy.demo.gallery

import android.content.ContentResolver
import android.graphics.Bitmap
import android.net.Uri
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.core.Prediction
import dev.mobiledeploy.demo.core.Setup
import dev.mobiledeploy.demo.session.Observed
import dev.mobiledeploy.demo.session.Session

sealed interface GalleryState {
    data object NoPhoto : GalleryState

    data object Reading : GalleryState

    data class Shown(val outcome: Outcome<Classified>) : GalleryState
}

class Classified(val photo: Bitmap, val prediction: Prediction)

/** One photo of the user's, and what the network says of it. */
class GalleryModel(resolver: ContentResolver, private val session: Session) {
    val state = Observed<GalleryState>(GalleryState.NoPhoto)
    private val reader = PhotoReader(resolver)
    private var photo: Uri? = null
    private var asked: Pair<Uri, Setup>? = null

    fun open(chosen: Uri) {
        photo = chosen
        asked = null
        classify()
    }

    /** Ask the network that is set up now of the photo, unless it was asked already. */
    fun classify() {
        val (chosen, setup) = (photo ?: return) to (session.setup ?: return)
        if (asked == chosen to setup) return
        asked = chosen to setup
        state.value = GalleryState.Reading
        session.with({ engine ->
            val image = reader.read(chosen)
            Classified(image.toBitmap(), engine.classify(setup, image))
        }) { outcome ->
            if (asked == chosen to setup) state.value = GalleryState.Shown(outcome)
        }
    }

    /** Free the picture's memory. The next [classify] reads the photo again. */
    fun release() {
        asked = null
        state.value = GalleryState.NoPhoto
    }
}
