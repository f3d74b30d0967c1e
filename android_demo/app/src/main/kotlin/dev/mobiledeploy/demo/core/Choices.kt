package dev.mobiledeploy.demo.core

import java.io.IOException

/** A bundle that cannot be used, and why. */
data class RefusedBundle(val name: String, val problem: BundleProblem)

/** What can be run of all bundles, in their order, and what cannot be used. */
data class Opened(val choices: List<Choice>, val refused: List<RefusedBundle>) {
    val bundles: List<Bundle> get() = choices.map(Choice::bundle).distinct()

    /**
     * What to begin with, of the bundle called [name] where it has something, else of all: int8 is
     * the quick one on phones; without it whatever there is first.
     */
    fun preferred(name: String? = null): Choice? {
        val among = choices.filter { it.bundle.name == name }.ifEmpty { choices }
        return among.find { it.artifact.precision == "int8" } ?: among.firstOrNull()
    }
}

/** Open every bundle of [source]; one that is broken does not keep the others from working. */
fun openAll(source: BundleSource, runtimes: List<Runtime>): Opened {
    val choices = mutableListOf<Choice>()
    val refused = mutableListOf<RefusedBundle>()
    for (name in source.names()) {
        try {
            val bundle = Bundle.open(source, name)
            val found = choicesOf(bundle, runtimes)
            choices += found
            if (found.isEmpty()) {
                val needed = bundle.manifest.artifacts.map(Artifact::runtime).distinct()
                refused += RefusedBundle(name, BundleProblem.NoRuntime(needed))
            }
        } catch (error: BundleException) {
            refused += RefusedBundle(name, error.problem)
        } catch (error: IOException) {
            refused += RefusedBundle(name, BundleProblem.Broken("${error.message}"))
        }
    }
    return Opened(choices, refused)
}

private fun choicesOf(bundle: Bundle, runtimes: List<Runtime>): List<Choice> =
    bundle.manifest.artifacts
        .filter { it.givesLogits && takesCrops(it, bundle.manifest.preprocessing) }
        .mapNotNull { artifact ->
            runtimes.find { it.format == artifact.format && artifact.runtime.isMetBy(it.version) }
                ?.let { Choice(bundle, artifact, it) }
        }

private fun takesCrops(artifact: Artifact, preprocessing: Preprocessing): Boolean {
    if (artifact.takesTensor) return artifact.inputShape == preprocessing.shape
    val crop = preprocessing.crop
    val sides = listOf(crop.height, crop.width).map(Int::toLong)
    val channels = PixelBytes.CHANNELS.toLong()
    val shapes = listOf(listOf(1L) + sides + channels, listOf(1L, channels) + sides)
    return artifact.pixels != null && artifact.inputShape in shapes
}
