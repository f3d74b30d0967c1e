package dev.mobiledeploy.demo.runtimes

import dev.mobiledeploy.demo.core.Classifier
import dev.mobiledeploy.demo.core.ClassifierSpec
import dev.mobiledeploy.demo.core.ErrorKind
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.RunnerException
import dev.mobiledeploy.demo.core.Runtime
import java.nio.FloatBuffer
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/** ExecuTorch with XNNPACK. Artifacts load in the very version that they were made for. */
class ExecuTorchRuntime(override val version: String) : Runtime {
    override val format = Format.EXECUTORCH
    override val name = "ExecuTorch"

    override fun load(spec: ClassifierSpec): Classifier = try {
        val module = Module.load(spec.file.path, Module.LOAD_MODE_MMAP, spec.threads)
        // Loads now what forward would load later. Some releases answer with a code, others throw.
        val code: Any? = module.loadMethod(METHOD)
        if (code is Int && code != 0) {
            module.destroy()
            throw RunnerException(kindOf(code), "ExecuTorch error 0x${code.toString(16)}")
        }
        ExecuTorchClassifier(module, spec)
    } catch (error: LinkageError) {
        throw RunnerException(ErrorKind.RUNTIME_MISSING, "$error", error)
    } catch (error: RuntimeException) {
        val kind = if (OPERATOR in "${error.message}") ErrorKind.OPERATOR_MISSING else LOAD_FAILED
        throw RunnerException(kind, "${error.message}", error)
    }

    private fun kindOf(code: Int): ErrorKind = when (code) {
        OPERATOR_MISSING -> ErrorKind.OPERATOR_MISSING
        in OUT_OF_MEMORY -> ErrorKind.OUT_OF_MEMORY
        else -> LOAD_FAILED
    }

    private companion object {
        const val METHOD = "forward"
        const val OPERATOR = "Operator missing"
        val LOAD_FAILED = ErrorKind.LOAD_FAILED

        // runtime/core/error.h: OperatorMissing, MemoryAllocationFailed, and the delegate's.
        const val OPERATOR_MISSING = 0x14
        val OUT_OF_MEMORY = setOf(0x21, 0x31)
    }
}

/** A module with its input tensor, whose memory is [input] itself. */
class ExecuTorchClassifier internal constructor(
    private val module: Module,
    spec: ClassifierSpec,
) : Classifier {
    override val input: FloatBuffer =
        Tensor.allocateFloatBuffer(spec.shape.fold(1L) { product, side -> product * side }.toInt())
    private val tensor = EValue.from(Tensor.fromBlob(input, spec.shape.toLongArray()))

    override fun run(): FloatArray = try {
        module.forward(tensor).first().toTensor().getDataAsFloatArray()
    } catch (error: RuntimeException) {
        throw RunnerException(ErrorKind.RUN_FAILED, "${error.message}", error)
    }

    override fun close() = module.destroy()
}
