package dev.mobiledeploy.demo.core

/** Times of one block in nanoseconds: the first inference, then every timed one in order. */
class Times(val first: Long, val iterations: List<Long>)

/** Times inference alone, by the monotonic clock. */
class Stopwatch(
    private val cancelled: () -> Boolean = { false },
    private val progress: (done: Int, total: Int) -> Unit = { _, _ -> },
) {
    /**
     * The first inference, [warmup] that are not counted, then [iterations] that are.
     *
     * Throws [RunnerException] where an inference fails or the run was cancelled.
     */
    fun time(classifier: Classifier, warmup: Int, iterations: Int): Times {
        val total = 1 + warmup + iterations
        var done = 0
        fun next(): Long {
            if (cancelled()) throw RunnerException(ErrorKind.CANCELLED, "the run was left")
            return timed { classifier.run() }.nanoseconds.also { progress(++done, total) }
        }

        val first = next()
        repeat(warmup) { next() }
        // What was left behind so far is collected now rather than during an inference.
        java.lang.Runtime.getRuntime().gc()
        return Times(first, List(iterations) { next() })
    }
}

/** What something gave, and how long it took: at least 1, for a clock may be too coarse to tell. */
class Timed<T>(val value: T, val nanoseconds: Long)

inline fun <T> timed(work: () -> T): Timed<T> {
    val begin = System.nanoTime()
    val value = work()
    return Timed(value, maxOf(System.nanoTime() - begin, 1))
}
