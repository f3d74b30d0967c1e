package dev.mobiledeploy.demo.session

import android.os.Handler
import android.os.HandlerThread
import android.os.Looper

/** The one thread on which networks, photos and the camera's frames are dealt with, in turn. */
class Worker {
    /** For the parts of Android that want to be told a thread. */
    val handler = Handler(HandlerThread("worker").apply { start() }.looper)
    private val main = Handler(Looper.getMainLooper())

    fun run(work: () -> Unit) {
        handler.post(work)
    }

    /** Do [work] there, and [then] with its result on the main thread. */
    fun <T> run(work: () -> T, then: (T) -> Unit) = run {
        val result = work()
        onMain { then(result) }
    }

    fun onMain(work: () -> Unit) {
        main.post(work)
    }
}
