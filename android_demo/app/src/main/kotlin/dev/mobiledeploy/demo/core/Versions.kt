package dev.mobiledeploy.demo.core

/** What the app's version name says: its own version, the protocol's, and its runtimes'. */
data class AppVersion(
    val name: String,
    val protocol: Int,
    val executorch: String,
    val onnxruntime: String,
) {
    companion object {
        private val PATTERN = Regex(
            "[0-9][0-9A-Za-z.-]*\\+protocol\\.([0-9]{1,9})" +
                "\\.executorch\\.([0-9][0-9A-Za-z.-]*?)\\.onnxruntime\\.([0-9][0-9A-Za-z.-]*)",
        )

        /** `0.1.0+protocol.3.executorch.1.4.1.onnxruntime.1.23.2`, as Gradle puts it together. */
        fun parse(name: String): AppVersion {
            val parts = requireNotNull(PATTERN.matchEntire(name)) { "$name is no version of ours" }
            val (protocol, executorch, onnxruntime) = parts.destructured
            return AppVersion(name, protocol.toInt(), executorch, onnxruntime)
        }
    }
}

/** Whether a runtime of [version] loads what needs this one. */
fun RuntimeNeeded.isMetBy(version: String): Boolean =
    if (exact) version == this.version else !isNewer(this.version, version)

/** Whether the version [one] comes after [other]; only their numbers count. */
private fun isNewer(one: String, other: String): Boolean {
    val (a, b) = listOf(one, other).map { text ->
        text.split(".").map { part -> part.takeWhile(Char::isDigit).toIntOrNull() ?: 0 }
    }
    for (place in 0 until maxOf(a.size, b.size)) {
        val difference = a.getOrElse(place) { 0 } - b.getOrElse(place) { 0 }
        if (difference != 0) return difference > 0
    }
    return false
}
