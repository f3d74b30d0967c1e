package dev.mobiledeploy.demo.core

/** A class by its place in the network's output, and the probability that softmax gives it. */
data class Ranked(val index: Int, val probability: Double)

/**
 * The [k] most probable classes, the best first; of equal ones the earlier class first.
 *
 * Logits that are not finite have no place in it: all NaN gives an empty list.
 */
fun topK(logits: FloatArray, k: Int): List<Ranked> {
    val finite = logits.indices.filter { logits[it].isFinite() }
    val largest = finite.maxOfOrNull { logits[it] } ?: return emptyList()
    val powers = finite.associateWith { Math.exp((logits[it] - largest).toDouble()) }
    val total = powers.values.sum()
    // The sort is stable, and so keeps equal logits in the order of their classes. Comparing would
    // put -0 below 0; adding 0 makes them the same.
    return finite.sortedByDescending { logits[it] + 0f }
        .take(k)
        .map { Ranked(it, powers.getValue(it) / total) }
}
