package dev.mobiledeploy.demo.runtimes

import ai.onnxruntime.NodeInfo
import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import ai.onnxruntime.TensorInfo
import dev.mobiledeploy.demo.core.Classifier
import dev.mobiledeploy.demo.core.ClassifierSpec
import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.NetworkInput
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Runtime
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** ONNX Runtime on the CPU. */
class OnnxRuntime(override val version: String) : Runtime {
    override val format = Format.ONNX
    override val name = "ONNX Runtime"

    override fun load(spec: ClassifierSpec): Classifier = try {
        val environment = OrtEnvironment.getEnvironment()
        val session = OrtSession.SessionOptions().use { options ->
            options.setIntraOpNumThreads(spec.threads)
            if (isX86) options.addConfigEntry(EXACT_INT8, "1")
            environment.createSession(spec.file.path, options)
        }
        OnnxClassifier.over(session, environment, spec)
    } catch (error: OrtException) {
        throw RunnerException(kindOf(error), "${error.message}", error)
    } catch (error: LinkageError) {
        throw RunnerException(ErrorKind.RUNTIME_MISSING, "$error", error)
    }

    private companion object {
        /**
         * ONNX Runtime's exact int8 arithmetic. On x86-64, where emulators and Chromebooks are,
         * its quicker one saturates unless the processor has VNNI, which an app cannot ask.
         */
        const val EXACT_INT8 = "session.x64quantprecision"

        val isX86 = System.getProperty("os.arch") in listOf("x86_64", "amd64")
    }

    private fun kindOf(error: OrtException): ErrorKind = when (error.code) {
        OrtException.OrtErrorCode.ORT_NOT_IMPLEMENTED -> ErrorKind.OPERATOR_MISSING
        OrtException.OrtErrorCode.ORT_NO_SUCHFILE -> ErrorKind.FILE_MISSING
        else -> ErrorKind.LOAD_FAILED
    }
}

/** A session with its input tensor, whose memory is [input] itself. */
class OnnxClassifier private constructor(
    private val session: OrtSession,
    private val tensor: OnnxTensor,
    private val spec: ClassifierSpec,
    override val input: NetworkInput,
) : Classifier {
    private val inputs = mapOf(spec.inputName to tensor)
    private val outputs = setOf(spec.outputName)

    override fun run(): FloatArray = try {
        session.run(inputs, outputs).use { result ->
            val values = (result.get(0) as OnnxTensor).floatBuffer
            FloatArray(values.remaining()).also(values::get)
        }
    } catch (error: OrtException) {
        throw RunnerException(ErrorKind.RUN_FAILED, "${error.message}", error)
    }

    override fun close() {
        tensor.close()
        session.close()
    }

    companion object {
        internal fun over(
            session: OrtSession,
            environment: OrtEnvironment,
            spec: ClassifierSpec,
        ): OnnxClassifier = try {
            check(session, spec)
            val shape = spec.shape.toLongArray()
            if (spec.pixels == null) {
                val numbers = direct(spec.elements * Float.SIZE_BYTES).asFloatBuffer()
                val tensor = OnnxTensor.createTensor(environment, numbers, shape)
                OnnxClassifier(session, tensor, spec, NetworkInput.Floats(numbers))
            } else {
                val bytes = direct(spec.elements)
                val tensor = OnnxTensor.createTensor(environment, bytes, shape, typeOf(spec))
                OnnxClassifier(session, tensor, spec, NetworkInput.Pixels(bytes, spec.pixels))
            }
        } catch (error: Exception) { // Whatever it is, the session must not outlive it.
            session.close()
            throw error
        }

        /** Direct and in the processor's own order, so that the tensor is this memory. */
        private fun direct(bytes: Int): ByteBuffer =
            ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

        private fun typeOf(spec: ClassifierSpec): OnnxJavaType = when (spec.pixels?.signed) {
            null -> OnnxJavaType.FLOAT
            true -> OnnxJavaType.INT8
            false -> OnnxJavaType.UINT8
        }

        private fun check(session: OrtSession, spec: ClassifierSpec) {
            val input = tensor(session.inputInfo, spec.inputName, typeOf(spec))
            tensor(session.outputInfo, spec.outputName, OnnxJavaType.FLOAT)
            // -1 stands for any size.
            val fits = input.shape.size == spec.shape.size &&
                input.shape.zip(spec.shape).all { (own, asked) -> own == asked || own == -1L }
            if (!fits) {
                val what = "the network takes ${input.shape.toList()}, not ${spec.shape}"
                throw RunnerException(ErrorKind.WRONG_SHAPE, what)
            }
        }

        /** Of the end called [name], which must be a tensor of [type]. */
        private fun tensor(
            ends: Map<String, NodeInfo>,
            name: String,
            type: OnnxJavaType,
        ): TensorInfo = (ends[name]?.info as? TensorInfo)?.takeIf { it.type == type }
            ?: throw RunnerException(
                ErrorKind.LOAD_FAILED,
                "the network has no tensor $name of $type: ${ends.keys}",
            )
    }
}
