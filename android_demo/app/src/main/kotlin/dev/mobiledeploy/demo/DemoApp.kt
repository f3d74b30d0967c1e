package dev.mobiledeploy.demo

import android.app.Activity
import android.app.Application
import android.content.ComponentCallbacks2
import dev.mobiledeploy.demo.camera.CameraModel
import dev.mobiledeploy.demo.gallery.GalleryModel
import dev.mobiledeploy.demo.session.BenchmarkModel
import dev.mobiledeploy.demo.session.Session

/** Holds what outlives a rotation of the screen. */
class DemoApp : Application() {
    // Made when a screen first asks: the process of a benchmark's block never does.
    private val lazySession = lazy { Session(this) }
    val session by lazySession
    val camera by lazy { CameraModel(this, session) }
    val gallery by lazy { GalleryModel(contentResolver, session) }
    val benchmark by lazy { BenchmarkModel(session) }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        if (!lazySession.isInitialized()) return
        val hidden = level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND
        if (hidden || level == ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL) session.release()
        // Otherwise it may be what the user is looking at.
        if (hidden) gallery.release()
    }
}

val Activity.app: DemoApp get() = application as DemoApp
