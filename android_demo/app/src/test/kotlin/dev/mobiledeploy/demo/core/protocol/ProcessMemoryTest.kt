package dev.mobiledeploy.demo.core.protocol

import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import org.junit.Rule
import org.junit.rules.TemporaryFolder

class ProcessMemoryTest {
    @get:Rule
    val folder = TemporaryFolder()

    @Test
    fun `the peak is never below what was read before`() {
        val memory = ProcessMemory(status("VmHWM:\t   133116 kB\nVmRSS:\t   133104 kB\n"))
        assertEquals(133104L * 1024, memory.resident())
        assertEquals(133116L * 1024, memory.peakSince(null))
        assertEquals(133116L * 1024, memory.peakSince(133100L * 1024))
        assertEquals(133128L * 1024, memory.peakSince(133128L * 1024))
    }

    @Test
    fun `what the kernel does not tell is unknown`() {
        val memory = ProcessMemory(status("Threads:\t4\n"))
        assertNull(memory.resident())
        assertNull(memory.peakSince(null))
        assertNull(ProcessMemory(File(folder.root, "none")).resident())
    }

    private fun status(text: String): File = folder.newFile().apply { writeText(text) }
}
