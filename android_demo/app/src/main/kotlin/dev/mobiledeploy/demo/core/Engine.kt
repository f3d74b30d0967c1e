package dev.mobiledeploy.demo.core

/** An artifact of a bundle that this app can run. */
data class Choice(val bundle: Bundle, val artifact: Artifact, val runtime: Runtime)

/** What to run, on how many threads (0 leaves it to the runtime). */
data class Setup(val choice: Choice, val threads: Int)

/** A class by its label. */
data class Answer(val label: String, val probability: Double)

/**
 * What a network says of a photo; times in nanoseconds: [crop] of resizing and cropping, [input] of
 * making the network's input of that, [inference] alone.
 */
class Prediction(val top: List<Answer>, val inference: Long, val crop: Long, val input: Long)

/** The network at work: loaded when it is needed, kept for the next photo. One thread alone. */
class Engine(private val store: ArtifactStore) : AutoCloseable {
    private var loaded: Pair<Setup, Classifier>? = null

    /** The five most probable classes of an upright photo. Throws [RunnerException] and others. */
    fun classify(setup: Setup, photo: RgbImage): Prediction {
        val preprocessing = setup.choice.bundle.manifest.preprocessing
        val classifier = classifier(setup)
        val cropped = timed { preprocessing.crop(photo) }
        val taken = timed { preprocessing.normalize(cropped.value, classifier.input) }
        val ran = timed { classifier.run() }
        val logits = ran.value
        if (!logits.all(Float::isFinite)) {
            throw RunnerException(ErrorKind.RUN_FAILED, "the network gave no numbers")
        }
        val labels = setup.choice.bundle.labels
        if (logits.size != labels.size) {
            val what = "${logits.size} figures for ${labels.size} labels"
            throw RunnerException(ErrorKind.WRONG_SHAPE, what)
        }
        val top = topK(logits, TOP).map { Answer(labels[it.index], it.probability) }
        return Prediction(top, ran.nanoseconds, cropped.nanoseconds, taken.nanoseconds)
    }

    /** The classifier of [setup], loaded anew where another one is at work. */
    fun classifier(setup: Setup): Classifier {
        loaded?.let { (current, classifier) -> if (current == setup) return classifier }
        close()
        val (bundle, artifact, runtime) = setup.choice
        val spec = ClassifierSpec(
            file = store.fileOf(bundle, artifact),
            threads = setup.threads,
            inputName = artifact.inputName,
            outputName = artifact.outputName,
            shape = artifact.inputShape,
            pixels = artifact.pixels,
        )
        return runtime.load(spec).also { loaded = setup to it }
    }

    /** Free the network's memory; the next photo loads it again. */
    override fun close() {
        loaded?.second?.close()
        loaded = null
    }

    private companion object {
        const val TOP = 5
    }
}
