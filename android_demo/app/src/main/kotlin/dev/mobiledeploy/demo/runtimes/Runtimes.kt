package dev.mobiledeploy.demo.runtimes

import dev.mobiledeploy.demo.core.AppVersion
import dev.mobiledeploy.demo.core.Runtime

/** The runtimes that are built into the app, a row each. */
fun runtimesOf(version: AppVersion): List<Runtime> = listOf(
    ExecuTorchRuntime(version.executorch),
    OnnxRuntime(version.onnxruntime),
)
