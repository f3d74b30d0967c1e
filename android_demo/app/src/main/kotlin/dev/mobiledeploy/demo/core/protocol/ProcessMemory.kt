package dev.mobiledeploy.demo.core.protocol

import java.io.File
import java.io.IOException

/** This process's memory in bytes, as the kernel's /proc/self/status tells it; null is unknown. */
class ProcessMemory(private val status: File = File("/proc/self/status")) {
    /** Resident now. */
    fun resident(): Long? = read("VmRSS:")

    /**
     * The most that was resident since the process began, of which [before] was seen: the kernel
     * notes its high-water mark only now and then, so that it can be below what was read.
     */
    fun peakSince(before: Long?): Long? = listOfNotNull(before, read("VmHWM:")).maxOrNull()

    private fun read(field: String): Long? = try {
        status.useLines { lines -> lines.find { it.startsWith(field) } }
            ?.split(Regex("\\s+"))
            ?.getOrNull(1)
            ?.toLongOrNull()
            ?.times(1024)
    } catch (_: IOException) {
        null
    }
}
