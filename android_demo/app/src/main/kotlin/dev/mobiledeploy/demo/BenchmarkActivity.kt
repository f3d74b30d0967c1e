package dev.mobiledeploy.demo

import android.app.Activity
import android.os.Build
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.os.PowerManager
import android.util.Log
import android.view.WindowManager
import dev.mobiledeploy.demo.core.protocol.BlockRunner
import dev.mobiledeploy.demo.core.protocol.Device
import dev.mobiledeploy.demo.core.protocol.Mailbox
import dev.mobiledeploy.demo.core.protocol.Request
import dev.mobiledeploy.demo.core.protocol.ThermalReading
import dev.mobiledeploy.demo.runtimes.runtimesOf
import dev.mobiledeploy.demo.session.appVersion
import java.io.File
import java.io.IOException
import kotlin.concurrent.thread
import kotlin.system.exitProcess

/**
 * Runs one block of `mobile-deploy profile --runner app`, answers, and ends the process.
 *
 * Started by adb's shell with the block's id; apps lack the permission. It reads and writes
 * files/bench alone. The release build has no such activity.
 */
class BenchmarkActivity : Activity() {
    @Volatile
    private var left = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_benchmark)
        stayOn()
        // Made anew by the system: the block has been started already, and runs once.
        if (savedInstanceState != null) return finishAndRemoveTask()
        val id = intent.getStringExtra(EXTRA_ID).orEmpty()
        if (Request.isName(id)) {
            // The system is busy with showing us until then.
            Handler(Looper.getMainLooper()).postDelayed({ start(id) }, SETTLE_MS)
        } else {
            Log.e(TAG, "the extra $EXTRA_ID is not the id of a block")
            finishAndRemoveTask()
        }
    }

    // Waking a phone may stop and start us once more; what counts is how it is while measuring.
    override fun onStart() {
        super.onStart()
        left = false
    }

    override fun onStop() {
        super.onStop()
        left = true
    }

    private fun start(id: String) = thread(name = "block") {
        val mailbox = Mailbox(File(filesDir, FOLDER))
        val version = appVersion()
        val runtimes = runtimesOf(version)
        val runner = BlockRunner(mailbox, runtimes, version.name, Phone(), cancelled = ::left)
        try {
            mailbox.answer(runner.run(id))
        } catch (error: IOException) {
            Log.e(TAG, "cannot write the answer", error)
        }
        runOnUiThread {
            finishAndRemoveTask()
            // The next block must find nothing of this one in memory.
            exitProcess(0)
        }
    }

    /** Over the lock screen, and lit: a phone on a bench has nobody to wake it. */
    private fun stayOn() {
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O_MR1) {
            setShowWhenLocked(true)
            setTurnScreenOn(true)
        } else {
            @Suppress("DEPRECATION")
            window.addFlags(
                WindowManager.LayoutParams.FLAG_SHOW_WHEN_LOCKED or
                    WindowManager.LayoutParams.FLAG_TURN_SCREEN_ON,
            )
        }
    }

    private inner class Phone : Device {
        private val power = getSystemService(PowerManager::class.java)

        override fun thermal(): ThermalReading? {
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return null
            return ThermalReading(power.currentThermalStatus, headroom())
        }

        /** Null where the phone does not tell, or was asked too often. */
        private fun headroom(): Float? {
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return null
            return power.getThermalHeadroom(FORECAST_S).takeIf { it.isFinite() && it >= 0 }
        }

        override fun sustainPerformance() {
            if (power.isSustainedPerformanceModeSupported) {
                runOnUiThread { window.setSustainedPerformanceMode(true) }
            }
        }
    }

    companion object {
        /** Of the app's own files: where blocks are asked for and answered. */
        const val FOLDER = "bench"
        private const val TAG = "Benchmark"
        private const val EXTRA_ID = "id"
        private const val SETTLE_MS = 500L
        private const val FORECAST_S = 10
    }
}
