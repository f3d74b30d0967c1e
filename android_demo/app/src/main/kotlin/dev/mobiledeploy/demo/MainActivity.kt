package dev.mobiledeploy.demo

import android.Manifest.permission.CAMERA
import android.app.Activity
import android.app.AlertDialog
import android.content.ActivityNotFoundException
import android.content.Intent
import android.content.pm.PackageManager.PERMISSION_DENIED
import android.content.pm.PackageManager.PERMISSION_GRANTED
import android.net.Uri
import android.os.Bundle
import android.provider.Settings
import android.view.View
import android.view.ViewGroup
import android.widget.RadioGroup
import android.widget.TextView
import android.widget.Toast
import dev.mobiledeploy.demo.core.Outcome
import dev.mobiledeploy.demo.session.SessionState
import dev.mobiledeploy.demo.ui.AboutScreen
import dev.mobiledeploy.demo.ui.BenchmarkScreen
import dev.mobiledeploy.demo.ui.CameraScreen
import dev.mobiledeploy.demo.ui.GalleryScreen
import dev.mobiledeploy.demo.ui.Screen
import dev.mobiledeploy.demo.ui.SetupPicker
import dev.mobiledeploy.demo.ui.Words
import dev.mobiledeploy.demo.ui.visibleIf

/** One screen at a time, what is set up above it, the way to the others below. */
class MainActivity : Activity() {
    lateinit var content: ViewGroup
        private set
    private lateinit var words: Words
    private lateinit var picker: SetupPicker
    private lateinit var camera: CameraScreen
    private lateinit var screens: Map<Int, Screen>
    private lateinit var tabs: RadioGroup
    private var unobserve: () -> Unit = {}
    private var shown: Screen? = null

    /** Whether Android would have had us explain ourselves when we last asked for the camera. */
    private var explainable = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        words = Words(this)
        picker = SetupPicker(
            findViewById(R.id.choices),
            findViewById(R.id.threads),
            app.session,
            words,
        )
        content = findViewById(R.id.content)
        tabs = findViewById(R.id.tabs)
        camera = CameraScreen(this, words)
        screens = mapOf(
            R.id.tab_camera to camera,
            R.id.tab_gallery to GalleryScreen(this, words),
            R.id.tab_benchmark to BenchmarkScreen(this, words),
            R.id.tab_about to AboutScreen(this, words),
        )
        screens.values.forEach { content.addView(it.view.apply { visibility = View.GONE }) }
        // Before onStart, or the camera would be opened first whatever was shown.
        savedInstanceState?.let {
            tabs.check(it.getInt(TAB))
            explainable = it.getBoolean(EXPLAINABLE)
        }
        findViewById<View>(R.id.session_import).setOnClickListener { askForBundle() }
        // Made anew by the system: what was handed to us has been taken already.
        if (savedInstanceState == null) take(intent)
    }

    override fun onStart() {
        super.onStart()
        if (checkSelfPermission(CAMERA) == PERMISSION_GRANTED) refusedForGood = false
        tabs.setOnCheckedChangeListener { _, _ -> draw(app.session.state.value) }
        unobserve = app.session.state.observe(::draw)
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putInt(TAB, tabs.checkedRadioButtonId)
        state.putBoolean(EXPLAINABLE, explainable)
    }

    override fun onStop() {
        tabs.setOnCheckedChangeListener(null)
        unobserve()
        show(null)
        super.onStop()
    }

    private fun draw(state: SessionState) {
        val ready = state as? SessionState.Ready
        ready?.let(picker::draw)
        findViewById<View>(R.id.setup).visibility = visibleIf(ready != null)
        tabs.visibility = visibleIf(ready != null)
        findViewById<View>(R.id.session_message).visibility = visibleIf(ready == null)
        findViewById<View>(R.id.session_import).visibility =
            visibleIf(state is SessionState.NoNetwork)
        findViewById<TextView>(R.id.session_words).text = when (state) {
            is SessionState.Opening -> getString(R.string.opening)
            is SessionState.NoNetwork -> words.nothing(state.refused)
            is SessionState.Ready -> ""
        }
        show(if (ready == null) null else screens.getValue(tabs.checkedRadioButtonId))
    }

    private fun show(screen: Screen?) {
        if (screen === shown) return
        shown?.hide()
        shown?.view?.visibility = View.GONE
        shown = screen
        screen?.view?.visibility = View.VISIBLE
        screen?.show()
    }

    /** By how much the display is turned from the phone's own upright position. */
    @Suppress("DEPRECATION") // Its successor needs Android 11.
    fun displayDegrees(): Int = windowManager.defaultDisplay.rotation * 90

    /** Ask for the camera; where the user has refused for good, show where to allow it. */
    fun askForCamera() {
        explainable = shouldShowRequestPermissionRationale(CAMERA)
        if (refusedForGood && !explainable) {
            val settings = Uri.fromParts("package", packageName, null)
            open(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, settings), 0)
        } else {
            requestPermissions(arrayOf(CAMERA), CAMERA_REQUEST)
        }
    }

    private var refusedForGood: Boolean
        get() = getPreferences(MODE_PRIVATE).getBoolean(REFUSED, false)
        set(value) = getPreferences(MODE_PRIVATE).edit().putBoolean(REFUSED, value).apply()

    override fun onRequestPermissionsResult(code: Int, names: Array<String>, results: IntArray) {
        super.onRequestPermissionsResult(code, names, results)
        // No rationale alone says little: nor is there one before the first question, after a
        // permission for one time, or after a dialog that was left without an answer.
        refusedForGood = results.firstOrNull() == PERMISSION_DENIED &&
            explainable && !shouldShowRequestPermissionRationale(CAMERA)
        camera.open()
    }

    /** Let the user choose a photo, which needs no permission. */
    fun askForPhoto() {
        val intent = Intent(Intent.ACTION_OPEN_DOCUMENT)
            .addCategory(Intent.CATEGORY_OPENABLE)
            .setType("image/*")
        open(intent, PHOTO_REQUEST)
    }

    override fun onActivityResult(code: Int, result: Int, data: Intent?) {
        super.onActivityResult(code, result, data)
        val file = data?.data
        if (result != RESULT_OK || file == null) return
        when (code) {
            PHOTO_REQUEST -> app.gallery.open(file)
            BUNDLE_REQUEST -> import(file)
        }
    }

    /** Let the user choose a file of `mobile-deploy pack`. */
    fun askForBundle() {
        val intent = Intent(Intent.ACTION_OPEN_DOCUMENT)
            .addCategory(Intent.CATEGORY_OPENABLE)
            .setType("*/*")
            // Some apps that offer files know no better than the second.
            .putExtra(Intent.EXTRA_MIME_TYPES, arrayOf(ZIP, "application/octet-stream"))
        open(intent, BUNDLE_REQUEST)
    }

    private fun import(file: Uri) {
        Toast.makeText(this, R.string.importing, Toast.LENGTH_SHORT).show()
        app.session.import(file) { outcome ->
            val words = when (outcome) {
                is Outcome.Done -> getString(R.string.imported, outcome.value)
                is Outcome.Failed -> words.failed(outcome)
            }
            // This activity may be gone by now, and a dialog with it.
            if (isDestroyed) return@import
            AlertDialog.Builder(this).setMessage(words)
                .setPositiveButton(android.R.string.ok, null).show()
        }
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        take(intent)
    }

    /** A photo or a bundle that another app hands us. */
    private fun take(intent: Intent) {
        val file = when (intent.action) {
            Intent.ACTION_SEND -> stream(intent)
            Intent.ACTION_VIEW -> intent.data
            else -> return
        }
        // Our own files are nobody's to hand us.
        val type = if (file?.scheme == "content") intent.type.orEmpty() else ""
        when {
            file != null && type.startsWith("image/") -> {
                tabs.check(R.id.tab_gallery)
                app.gallery.open(file)
            }
            file != null && type in listOf(ZIP, ZIP_TOO) -> import(file)
            else -> Toast.makeText(this, R.string.shared_nothing, Toast.LENGTH_LONG).show()
        }
    }

    @Suppress("DEPRECATION") // Its successor needs Android 13.
    private fun stream(intent: Intent): Uri? = try {
        intent.getParcelableExtra(Intent.EXTRA_STREAM) as? Uri
    } catch (_: RuntimeException) { // What another app has put there may be of no class of ours.
        null
    }

    private fun open(intent: Intent, code: Int) = try {
        startActivityForResult(intent, code)
    } catch (_: ActivityNotFoundException) {
        Toast.makeText(this, R.string.no_other_app, Toast.LENGTH_LONG).show()
    }

    private companion object {
        const val CAMERA_REQUEST = 1
        const val PHOTO_REQUEST = 2
        const val BUNDLE_REQUEST = 3
        const val ZIP = "application/zip"
        const val ZIP_TOO = "application/x-zip-compressed"
        const val REFUSED = "refused the camera for good"
        const val EXPLAINABLE = "explainable"
        const val TAB = "tab"
    }
}
