package dev.mobiledeploy.demo.core.packs

import dev.mobiledeploy.demo.Fixtures
import dev.mobiledeploy.demo.core.Bundle
import dev.mobiledeploy.demo.core.FolderBundles
import dev.mobiledeploy.demo.core.Format
import dev.mobiledeploy.demo.core.JoinedBundles
import java.io.File
import java.util.Base64
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.json.JSONObject
import org.junit.Before
import org.junit.Rule
import org.junit.rules.TemporaryFolder

class BundleImportTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val good = Fixtures.file("packs/tiny.zip")
    private lateinit var folder: File
    private lateinit var import: BundleImport

    @Before
    fun makeRoom() {
        folder = temporary.newFolder("bundles")
        import = BundleImport(folder, setOf(Format.EXECUTORCH, Format.ONNX))
    }

    @Test
    fun `what the app reads of a packed bundle is there, and opens`() {
        assertEquals("tiny", import.take(good))
        val bundle = Bundle.open(FolderBundles(folder), "tiny")
        assertEquals(listOf("cat", "dog", "zèbre"), bundle.labels)
        assertEquals(4, bundle.goldenCrop(0).width)
        assertEquals(3, bundle.goldenFloatLogits().single().size)
        val artifact = bundle.manifest.artifacts.first { it.format == Format.EXECUTORCH }
        assertEquals(artifact.bytes, checkNotNull(bundle.file(artifact)).length())
        val files = folder.walk().filter(File::isFile).map { it.relativeTo(folder).path }
        assertEquals(
            setOf(
                "tiny/manifest.json",
                "tiny/labels.txt",
                "tiny/tiny_fp32.onnx",
                "tiny/tiny_int8.pte",
                "tiny/golden/0.rgb",
                "tiny/golden/logits_float.f32",
                "tiny/golden/logits_executorch_int8.f32",
            ),
            files.toSet(),
        )
    }

    @Test
    fun `a hostile pack is refused by name and leaves nothing`() {
        val cases = Fixtures.list("packs/refused.json").filter { "android" in apps(it) }
        assertTrue(cases.size > 40)
        for (case in cases) {
            val name = case.getString("name")
            val error = assertFailsWith<PackException>(name) { import.take(file(case)) }
            assertEquals(case.getString("fault"), error.fault.word, "$name: ${error.message}")
            assertEquals(emptyList(), folder.list().orEmpty().toList(), name)
            assertTrue(error.message.orEmpty().all { it in ' '..'~' }, name)
        }
        assertEquals(listOf("bundles", "pack.zip"), temporary.root.list().orEmpty().sorted())
    }

    @Test
    fun `no pack with a byte altered ends in anything but an answer`() {
        val whole = good.readBytes()
        val file = File(temporary.root, "pack.zip")
        // The headers of the first entry, then the last entries and the whole table.
        for (place in (0 until 60 step 3) + (whole.size - 1500 until whole.size step 17)) {
            val altered = (whole[place].toInt() xor 0xFF).toByte()
            file.writeBytes(whole.copyOf().also { it[place] = altered })
            try {
                import.take(file)
            } catch (_: PackException) {
                assertEquals(emptyList(), folder.list().orEmpty().toList(), "$place")
            }
            folder.deleteRecursively()
            folder.mkdir()
        }
    }

    @Test
    fun `what is wrong with another app's part does not matter`() {
        for (case in Fixtures.list("packs/refused.json").filter { "android" !in apps(it) }) {
            assertEquals("tiny", import.take(file(case)), case.getString("name"))
        }
    }

    @Test
    fun `a refused pack leaves the bundle of its name as it was`() {
        import.take(good)
        val before = File(folder, "tiny/tiny_int8.pte").readBytes()
        val cases = Fixtures.list("packs/refused.json")
        val altered = cases.single { it.getString("name") == "altered tiny_int8.pte" }
        assertFailsWith<PackException> { import.take(file(altered)) }
        assertContentEquals(before, File(folder, "tiny/tiny_int8.pte").readBytes())
        assertEquals(listOf("tiny"), folder.list().orEmpty().toList())
    }

    @Test
    fun `a bundle is replaced and removed whole`() {
        import.take(good)
        File(folder, "tiny/of-the-old").writeText("x")
        import.take(good)
        assertTrue(!File(folder, "tiny/of-the-old").exists())
        import.remove("..")
        import.remove("tiny")
        assertEquals(emptyList(), folder.list().orEmpty().toList())
    }

    @Test
    fun `what an import left that was ended halfway is put right`() {
        import.take(good)
        File(folder, ".other.part").mkdir()
        File(folder, "tiny").renameTo(File(folder, ".tiny.old"))
        import.sweep()
        assertEquals(listOf("tiny"), folder.list().orEmpty().toList())
        File(folder, ".tiny.old").mkdir()
        import.sweep()
        assertEquals(listOf("tiny"), folder.list().orEmpty().toList())
        assertEquals("tiny", Bundle.open(FolderBundles(folder), "tiny").name)
    }

    @Test
    fun `an imported bundle hides one of its name that the app was built with`() {
        val built = temporary.newFolder("built")
        BundleImport(built, setOf(Format.ONNX)).take(good)
        val joined = JoinedBundles(FolderBundles(folder), FolderBundles(built))
        assertEquals(File(built, "tiny/labels.txt"), joined.file("tiny", "labels.txt"))
        import.take(good)
        assertEquals(listOf("tiny"), joined.names())
        assertEquals(File(folder, "tiny/labels.txt"), joined.file("tiny", "labels.txt"))
    }

    private fun apps(case: JSONObject) = List(case.getJSONArray("apps").length()) {
        case.getJSONArray("apps").getString(it)
    }

    /** The pack of a case: so many bytes of the good one, then its own. */
    private fun file(case: JSONObject) = File(temporary.root, "pack.zip").apply {
        val same = good.readBytes().copyOf(case.getInt("same"))
        writeBytes(same + Base64.getDecoder().decode(case.getString("rest")))
    }
}
