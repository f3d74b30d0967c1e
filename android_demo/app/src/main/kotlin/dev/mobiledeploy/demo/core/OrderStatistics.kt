package dev.mobiledeploy.demo.core

/**
 * The [q] quantile (0 to 1) of [values], by linear interpolation between order statistics: type 7
 * of Hyndman and Fan, the default of numpy, and what `mobile-deploy` computes.
 */
fun quantile(values: List<Long>, q: Double): Double {
    require(values.isNotEmpty()) { "no values to take a quantile of" }
    require(q in 0.0..1.0) { "$q is no share" }
    val sorted = values.sorted()
    val place = q * (sorted.size - 1)
    val below = place.toInt()
    val above = minOf(below + 1, sorted.size - 1)
    return sorted[below] + (place - below) * (sorted[above] - sorted[below])
}

/** The middle one, or the mean of the two in the middle. */
fun median(values: List<Long>): Double = quantile(values, 0.5)
