package dev.mobiledeploy.demo.ui

import android.view.View

/** One of the app's screens. It draws a model's state and passes on what the user does. */
interface Screen {
    val view: View

    /** It is seen from now on. */
    fun show() = Unit

    /** It is not seen any more, or the app is not. */
    fun hide() = Unit
}
