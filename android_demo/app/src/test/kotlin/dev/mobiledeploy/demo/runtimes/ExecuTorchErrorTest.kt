package dev.mobiledeploy.demo.runtimes

import dev.mobiledeploy.demo.core.ErrorKind
import kotlin.test.Test
import kotlin.test.assertEquals

class ExecuTorchErrorTest {
    @Test
    fun `the code within the message tells why loading failed`() {
        val kinds = mapOf(
            "[ExecuTorch Error 0x14] Operator missing: forward" to ErrorKind.OPERATOR_MISSING,
            "[ExecuTorch Error 0x21] Memory allocation failed: x" to ErrorKind.OUT_OF_MEMORY,
            "[ExecuTorch Error 0x31] Delegate memory: x" to ErrorKind.OUT_OF_MEMORY,
            "[ExecuTorch Error 0x23] Invalid program: x" to ErrorKind.LOAD_FAILED,
            "[ExecuTorch Error 0x114] of another day" to ErrorKind.LOAD_FAILED,
            "Cannot load model path!! /a/14]" to ErrorKind.LOAD_FAILED,
            "null" to ErrorKind.LOAD_FAILED,
        )
        assertEquals(kinds, kinds.mapValues { (message, _) -> loadFailureOf(message) })
    }
}
