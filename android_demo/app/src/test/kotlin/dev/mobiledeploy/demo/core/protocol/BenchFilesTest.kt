package dev.mobiledeploy.demo.core.protocol

import dev.mobiledeploy.demo.core.Sha256
import java.io.File
import java.io.FileNotFoundException
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.junit.Rule
import org.junit.rules.TemporaryFolder

class BenchFilesTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val bench by lazy { File(folder.root, "bench") }
    private val files by lazy { BenchFiles(bench) }

    @Test
    fun `a folder that is not there yet is empty, and made for the first file`() {
        assertEquals(emptyList(), files.list(null))
        assertEquals(0, files.remove(null))
        files.place("b.json").writeText("two")
        files.place("a.json").writeText("one")
        val (one, two) = files.list(null)
        assertEquals(BenchFile("a.json", 3, Sha256.of("one".toByteArray())), one)
        assertEquals("b.json", two.name)
        assertEquals(listOf(two), files.list("b.json"))
    }

    @Test
    fun `what is not there is told, and found to be nothing`() {
        files.place("a.json").writeText("one")
        assertFailsWith<FileNotFoundException> { files.existing("b.json") }
        assertEquals(emptyList(), files.list("b.json"))
        assertEquals(0, files.remove("b.json"))
        assertEquals("one", files.existing("a.json").readText())
    }

    @Test
    fun `one or all are removed, and nothing outside`() {
        val outside = folder.newFile("outside")
        for (name in listOf("a", "b", "c")) files.place(name).writeText(name)
        assertEquals(1, files.remove("b"))
        assertEquals(listOf("a", "c"), files.list(null).map(BenchFile::name))
        assertEquals(2, files.remove(null))
        assertTrue(outside.exists())
    }

    @Test
    fun `a name that could lead out is none`() {
        folder.newFile("outside")
        for (name in listOf("", "..", "../outside", "/outside", "A", "a b", "a/b", ".part", null)) {
            assertFailsWith<IllegalArgumentException>("$name") { files.place(name) }
            assertFailsWith<IllegalArgumentException>("$name") { files.existing(name) }
            if (name == null) continue
            assertFailsWith<IllegalArgumentException>(name) { files.list(name) }
            assertFailsWith<IllegalArgumentException>(name) { files.remove(name) }
        }
    }
}
