package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.ClassifierSpec
import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Runtime
import dev.mobiledeploy.demo.core.Stopwatch
import dev.mobiledeploy.demo.core.timed
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Random

/** What only the phone's system knows. */
interface Device {
    /** Null where the system does not tell. */
    fun thermal(): ThermalReading?

    /** Ask for performance that lasts. */
    fun sustainPerformance()
}

/**
 * One block: load, first inference, warm-up, timed iterations, then the golden logits, and what the
 * app does before the network where that is asked.
 *
 * Nothing but an answer ever comes out of it.
 */
class BlockRunner(
    private val mailbox: Mailbox,
    private val runtimes: List<Runtime>,
    private val appVersion: String,
    private val device: Device,
    private val memory: ProcessMemory = ProcessMemory(),
    private val cancelled: () -> Boolean = { false },
) {
    fun run(id: String): BlockAnswer = try {
        measure(mailbox.request(id))
    } catch (error: RunnerException) {
        BlockAnswer.Failed(id, error.kind, "${error.message}")
    } catch (error: OutOfMemoryError) {
        BlockAnswer.Failed(id, ErrorKind.OUT_OF_MEMORY, "$error")
    } catch (error: IOException) {
        BlockAnswer.Failed(id, ErrorKind.INTERNAL, "$error")
    } catch (error: RuntimeException) {
        // The harness must learn of our own mistakes too.
        BlockAnswer.Failed(id, ErrorKind.INTERNAL, error.stackTraceToString())
    }

    private fun measure(request: Request): BlockAnswer {
        val artifact = request.artifact
        val runtime = runtimes.find { it.format == artifact.format }
            ?: throw RunnerException(
                ErrorKind.RUNTIME_MISSING,
                "this app has no runtime for ${artifact.format.word}",
            )
        val file = mailbox.file(artifact.file)
        val golden = request.golden.associate {
            it.index to mailbox.input(it.file, request.bytes)
        }
        if (request.sustained) device.sustainPerformance()
        val spec = ClassifierSpec(
            file,
            request.threads,
            artifact.input,
            artifact.output,
            request.shape,
            request.pixels,
        )

        val thermalBefore = device.thermal()
        val memoryBefore = memory.resident()
        val loaded = timed { runtime.load(spec) }
        return loaded.value.use {
            it.input.fill(timedInput(request, golden))
            val times = Stopwatch(cancelled).time(it, request.warmup, request.iterations)
            val thermalAfter = device.thermal()
            val logits = golden.mapValues { (_, photo) ->
                it.input.fill(photo)
                it.run().copyOf()
            }
            val memoryPeak = memory.peakSince(memoryBefore)
            // The last of all: it is to disturb nothing that was timed.
            val preparation = request.preparation?.time(it.input, cancelled)
            BlockAnswer.Measured(
                id = request.id,
                runner = RunnerFacts(appVersion, runtime.name, runtime.version),
                load = loaded.nanoseconds,
                times = times,
                thermalBefore = thermalBefore,
                thermalAfter = thermalAfter,
                memoryBefore = memoryBefore,
                memoryPeak = memoryPeak,
                logits = logits,
                preparation = preparation,
            )
        }
    }

    private fun timedInput(request: Request, golden: Map<Int, ByteBuffer>): ByteBuffer =
        when (val input = request.input) {
            is TimedInput.Photo -> golden.getValue(input.index)
            is TimedInput.Seed -> seeded(request, Random(input.seed))
        }

    private fun seeded(request: Request, random: Random): ByteBuffer {
        val data = ByteArray(request.bytes)
        val buffer = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN)
        if (request.pixels != null) {
            random.nextBytes(data)
        } else {
            val numbers = buffer.asFloatBuffer()
            while (numbers.hasRemaining()) numbers.put(random.nextFloat() * 2 - 1)
        }
        return buffer
    }
}
