package dev.mobiledeploy.demo.core

import java.nio.FloatBuffer

/** What a fake network answers: the sum of its input, its negative, how often it has run. */
private fun sumAndRuns(sum: Float, runs: Int) = floatArrayOf(sum, -sum, runs.toFloat())

/** Networks that need no file. */
class FakeRuntime(
    override val format: Format,
    override val version: String,
    private val failing: RunnerException? = null,
    private val answer: (sum: Float, runs: Int) -> FloatArray = ::sumAndRuns,
) : Runtime {
    override val name = "Fake"
    var loaded = 0
    var closed = 0

    override fun load(spec: ClassifierSpec): Classifier {
        failing?.let { throw it }
        loaded++
        return object : Classifier {
            private var runs = 0
            override val input = NetworkInput.Floats(FloatBuffer.allocate(spec.elements))

            override fun run(): FloatArray = answer(input.numbers.array().sum(), ++runs)

            override fun close() {
                closed++
            }
        }
    }
}
