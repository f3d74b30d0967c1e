package dev.mobiledeploy.demo.runtimes

import dev.mobiledeploy.demo.core.Classifier
import dev.mobiledeploy.demo.core.ClassifierSpec
import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.NetworkInput
import dev.mobiledeploy.demo.core.PixelBytes
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Runtime
import java.nio.ByteBuffer
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/** ExecuTorch with XNNPACK. Artifacts load in the very version that they were made for. */
class ExecuTorchRuntime(override val version: String) : Runtime {
    override val format = Format.EXECUTORCH
    override val name = "ExecuTorch"

    override fun load(spec: ClassifierSpec): Classifier = try {
        val module = Module.load(spec.file.path, Module.LOAD_MODE_MMAP, spec.threads)
        try {
            // Loads now what forward would load later.
            module.loadMethod("forward")
            ExecuTorchClassifier(module, spec)
        } catch (error: RuntimeException) {
            module.destroy()
            throw error
        }
    } catch (error: LinkageError) {
        throw RunnerException(ErrorKind.RUNTIME_MISSING, "$error", error)
    } catch (error: RuntimeException) {
        throw RunnerException(loadFailureOf("${error.message}"), "${error.message}", error)
    }
}

/** Why loading failed, by the code of runtime/core/error.h that ExecuTorch puts into [message]. */
fun loadFailureOf(message: String): ErrorKind =
    when (CODE.find(message)?.groupValues?.last()) {
        "14" -> ErrorKind.OPERATOR_MISSING
        // Its own allocation, and the delegate's.
        "21", "31" -> ErrorKind.OUT_OF_MEMORY
        else -> ErrorKind.LOAD_FAILED
    }

private val CODE = Regex("Error 0x([0-9a-f]+)]")

/** A module with its input tensor, whose memory is [input] itself. */
class ExecuTorchClassifier internal constructor(
    private val module: Module,
    spec: ClassifierSpec,
) : Classifier {
    override val input: NetworkInput
    private val tensor: EValue

    init {
        val shape = spec.shape.toLongArray()
        if (spec.pixels == null) {
            val numbers = Tensor.allocateFloatBuffer(spec.elements)
            input = NetworkInput.Floats(numbers)
            tensor = EValue.from(Tensor.fromBlob(numbers, shape))
        } else {
            // XNNPACK reads them pixel by pixel, as the program says, whatever the tensor's strides.
            val bytes = Tensor.allocateByteBuffer(spec.elements)
            input = NetworkInput.Pixels(bytes, spec.pixels)
            tensor = EValue.from(tensorOf(bytes, shape, spec.pixels))
        }
    }

    private fun tensorOf(bytes: ByteBuffer, shape: LongArray, form: PixelBytes): Tensor =
        if (form.signed) Tensor.fromBlob(bytes, shape) else Tensor.fromBlobUnsigned(bytes, shape)

    override fun run(): FloatArray = try {
        module.forward(tensor).first().toTensor().dataAsFloatArray
    } catch (error: RuntimeException) {
        throw RunnerException(ErrorKind.RUN_FAILED, "${error.message}", error)
    }

    override fun close() = module.destroy()
}
