package dev.mobiledeploy.demo.core

/**
 * A first look at a network's speed inside the running app; times in nanoseconds.
 *
 * [agreeing] of [photos] golden photos have the float network's top class. Figures to publish come
 * from `mobile-deploy profile`, which starts a process for each block and watches the heat.
 */
data class QuickResult(
    val setup: Setup,
    val first: Long,
    val median: Double,
    val p90: Double,
    val iterations: Int,
    val agreeing: Int,
    val photos: Int,
)

/** Throws [RunnerException] where the network fails or the stopwatch was stopped, and others. */
fun quickBenchmark(
    engine: Engine,
    setup: Setup,
    stopwatch: Stopwatch,
    iterations: Int = 100,
): QuickResult {
    val bundle = setup.choice.bundle
    // Loaded anew, so that the first inference is the first.
    engine.close()
    val classifier = engine.classifier(setup)
    val fill = { photo: Int ->
        bundle.manifest.preprocessing.normalize(bundle.goldenCrop(photo), classifier.input)
    }
    fill(0)
    val times = stopwatch.time(classifier, warmup = 10, iterations = iterations)
    val expected = bundle.goldenFloatLogits().map(::top)
    val given = expected.indices.map { photo ->
        fill(photo)
        top(classifier.run())
    }
    return QuickResult(
        setup = setup,
        first = times.first,
        median = median(times.iterations),
        p90 = quantile(times.iterations, 0.9),
        iterations = iterations,
        agreeing = expected.zip(given).count { (one, other) -> one == other },
        photos = expected.size,
    )
}

/** The most probable class; null where nothing is finite. */
private fun top(logits: FloatArray): Int? = topK(logits, 1).firstOrNull()?.index
