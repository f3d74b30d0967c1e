package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.Times
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import org.json.JSONArray
import org.json.JSONObject

/** What ran the artifact: the app's version, the runtime and its version. */
data class RunnerFacts(val version: String, val runtime: String, val runtimeVersion: String)

/** The system's thermal status (0 none to 6 shutdown) and headroom; null is unknown. */
data class ThermalReading(val status: Int?, val headroom: Float?)

/** What came of a block, in the words of the protocol. */
sealed interface BlockAnswer {
    val id: String

    fun toJson(): JSONObject

    data class Failed(override val id: String, val kind: ErrorKind, val text: String) :
        BlockAnswer {
        override fun toJson(): JSONObject = nothing(id)
            .put("status", "error")
            .put("error", JSONObject().put("kind", kind.word).put("text", text.take(LONGEST_TEXT)))
    }

    /** Times in nanoseconds, memory in bytes; [logits] by the index of the golden input. */
    class Measured(
        override val id: String,
        private val runner: RunnerFacts,
        private val load: Long,
        private val times: Times,
        private val thermalBefore: ThermalReading?,
        private val thermalAfter: ThermalReading?,
        private val memoryBefore: Long?,
        private val memoryPeak: Long?,
        private val logits: Map<Int, FloatArray>,
        private val preparation: PreparationTimes? = null,
    ) : BlockAnswer {
        override fun toJson(): JSONObject {
            val answer = measured()
            // Readers of the versions before know no such field.
            if (preparation != null) {
                answer.put("schema_version", PROTOCOL_VERSION)
                    .put("preparation", times(preparation))
            }
            return answer
        }

        private fun measured(): JSONObject = nothing(id)
            .put("status", "ok")
            .put("runner", runner(runner))
            .put("load_ns", load)
            .put("first_ns", times.first)
            .put("iterations_ns", JSONArray(times.iterations))
            .put("thermal_before", thermal(thermalBefore))
            .put("thermal_after", thermal(thermalAfter))
            .put("memory_before_bytes", memoryBefore ?: JSONObject.NULL)
            .put("memory_peak_bytes", memoryPeak ?: JSONObject.NULL)
            .put("logits", JSONArray(logits.map { (index, values) -> golden(index, values) }))
    }

    private companion object {
        const val LONGEST_TEXT = 4000

        /** Every field, with nothing known yet. */
        fun nothing(id: String): JSONObject {
            val answer = JSONObject().put("schema_version", PLAIN_ANSWER_VERSION).put("id", id)
            for (field in UNKNOWN) answer.put(field, JSONObject.NULL)
            return answer.put("iterations_ns", JSONArray()).put("logits", JSONArray())
        }

        private val UNKNOWN = listOf(
            "error",
            "runner",
            "load_ns",
            "first_ns",
            "thermal_before",
            "thermal_after",
            "memory_before_bytes",
            "memory_peak_bytes",
        )

        fun runner(facts: RunnerFacts): JSONObject = JSONObject()
            .put("name", "app")
            .put("version", facts.version)
            .put("runtime", facts.runtime)
            .put("runtime_version", facts.runtimeVersion)

        fun thermal(reading: ThermalReading?): Any = reading?.let {
            JSONObject()
                .put("status", it.status ?: JSONObject.NULL)
                .put("headroom", it.headroom?.toDouble() ?: JSONObject.NULL)
        } ?: JSONObject.NULL

        fun times(of: PreparationTimes): JSONObject = JSONObject()
            .put("picture", JSONArray(listOf(of.picture.height, of.picture.width)))
            .put("crop_ns", JSONArray(of.crop))
            .put("input_ns", JSONArray(of.input))

        fun golden(index: Int, values: FloatArray): JSONObject {
            val bytes = ByteBuffer.allocate(values.size * Float.SIZE_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
            bytes.asFloatBuffer().put(values)
            val text = Base64.getEncoder().encodeToString(bytes.array())
            return JSONObject().put("index", index).put("logits", text)
        }
    }
}
