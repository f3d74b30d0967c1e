package dev.mobiledeploy.demo.core

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import org.json.JSONTokener

/** A document that is not JSON, or a field in it that is missing or not what it must be. */
class JsonProblem(message: String) : Exception(message)

/**
 * A JSON object that somebody may have written to harm us, read field by field.
 *
 * org.json by itself takes the text "3" for the number 3 and says little of what is wrong; here
 * every value has the type asked for, or a [JsonProblem] names its path.
 */
class Fields private constructor(private val json: JSONObject, private val path: String) {
    fun text(name: String): String {
        val at = pathed(name)
        val value = value(name) as? String ?: wrong(at, "is no text")
        if (value.isEmpty() || value.length > LONGEST_TEXT) wrong(at, "is empty or too long")
        if (value.any(Char::isISOControl)) wrong(at, "holds control characters")
        return value
    }

    /** A text that [pattern] matches as a whole. */
    fun text(name: String, pattern: Regex): String {
        val value = text(name)
        if (!pattern.matches(value)) wrong(pathed(name), "is not of the form it must have")
        return value
    }

    fun textOrNull(name: String): String? = if (isNull(name)) null else text(name)

    /** The one of [choices] whose word, which [word] tells, is written there. */
    fun <T> choice(name: String, choices: Iterable<T>, word: (T) -> String): T {
        val written = text(name)
        return choices.find { word(it) == written } ?: wrong(pathed(name), "is unknown")
    }

    fun flag(name: String): Boolean =
        value(name) as? Boolean ?: wrong(pathed(name), "is neither true nor false")

    fun whole(name: String, range: LongRange): Long = whole(value(name), pathed(name), range)

    fun wholeOrNull(name: String, range: LongRange): Long? =
        if (isNull(name)) null else whole(name, range)

    fun wholes(name: String, range: LongRange): List<Long> =
        elements(name).map { (at, value) -> whole(value, at, range) }

    fun number(name: String): Double = number(value(name), pathed(name))

    fun numberOrNull(name: String): Double? = if (isNull(name)) null else number(name)

    fun numbers(name: String): List<Double> =
        elements(name).map { (at, value) -> number(value, at) }

    /** Whether it is there, of whatever type. */
    fun has(name: String): Boolean = json.has(name)

    fun child(name: String): Fields = of(value(name), pathed(name))

    fun childOrNull(name: String): Fields? = if (isNull(name)) null else child(name)

    fun children(name: String): List<Fields> =
        elements(name).map { (at, value) -> of(value, at) }

    /** Every field, of which all must be texts. */
    fun texts(): Map<String, String> = json.keys().asSequence().associateWith { text(it) }

    /** Refuse the whole because of rules between fields. */
    fun require(holds: Boolean, otherwise: () -> String) {
        if (!holds) wrong(path.ifEmpty { "the whole" }, otherwise())
    }

    /** Explicitly null: a field that is left out is not the same. */
    private fun isNull(name: String) = value(name) == JSONObject.NULL

    private fun value(name: String): Any = json.opt(name) ?: wrong(pathed(name), "is missing")

    private fun elements(name: String): List<Pair<String, Any?>> {
        val array = value(name) as? JSONArray ?: wrong(pathed(name), "is no list")
        return List(array.length()) { "${pathed(name)}.$it" to array.opt(it) }
    }

    private fun whole(value: Any?, at: String, range: LongRange): Long {
        val number = when (value) {
            is Int -> value.toLong()
            is Long -> value
            else -> wrong(at, "is no whole number that fits")
        }
        if (number !in range) wrong(at, "is not within ${range.first} and ${range.last}")
        return number
    }

    private fun number(value: Any?, at: String): Double {
        val number = (value as? Number)?.toDouble() ?: wrong(at, "is no number")
        if (!number.isFinite()) wrong(at, "is not finite")
        return number
    }

    private fun of(value: Any?, at: String) =
        Fields(value as? JSONObject ?: wrong(at, "is no object"), at)

    private fun pathed(name: String) = if (path.isEmpty()) name else "$path.$name"

    private fun wrong(at: String, what: String): Nothing = throw JsonProblem("$at $what")

    companion object {
        /** The largest whole number that every JSON reader holds exactly. */
        const val MOST = (1L shl 53) - 1
        private const val LONGEST_TEXT = 1000

        /** The one object that [text] is. */
        fun parse(text: String): Fields {
            val value = try {
                val tokens = JSONTokener(text)
                tokens.nextValue().also {
                    if (tokens.nextClean() != '\u0000') throw JsonProblem("there is more after it")
                }
            } catch (error: JSONException) {
                throw JsonProblem("is not JSON: ${error.message}")
            } catch (_: StackOverflowError) {
                throw JsonProblem("is not JSON: nested too deeply")
            }
            return Fields(value as? JSONObject ?: throw JsonProblem("is no JSON object"), "")
        }
    }
}
