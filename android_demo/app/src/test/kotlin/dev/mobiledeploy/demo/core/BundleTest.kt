package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.objects
import java.io.File
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.json.JSONArray
import org.junit.Rule
import org.junit.rules.TemporaryFolder

class BundleTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val source = MemoryBundle()

    @Test
    fun `a bundle is opened with its labels`() {
        val bundle = Bundle.open(source, "whole")
        assertEquals("label 0", bundle.labels.first())
        assertEquals(1000, bundle.labels.size)
    }

    @Test
    fun `missing and altered files and too new bundles are told apart`() {
        source.files["labels.txt"] = source.labels.replace("label 7\n", "label 8\n").toByteArray()
        assertEquals(BundleProblem.Broken("labels.txt is not what the manifest says"), problem())
        source.files.remove("labels.txt")
        assertEquals(BundleProblem.Broken("labels.txt is missing"), problem())
        source.files["manifest.json"] = """{"schema_version": 3}""".toByteArray()
        assertEquals(BundleProblem.TooNew(3), problem())
        source.files.remove("manifest.json")
        assertEquals(BundleProblem.Broken("manifest.json is missing"), problem())
    }

    @Test
    fun `labels that are not distinct are refused`() {
        val twice = source.labels.replace("label 7\n", "label 8\n")
        source.files["labels.txt"] = twice.toByteArray()
        source.describe(twice)
        assertEquals(BundleProblem.Broken("the labels are not 1000 distinct lines"), problem())
    }

    @Test
    fun `an artifact is copied out whole, once, and swept when no bundle needs it`() {
        val bundle = Bundle.open(source, "whole")
        val artifact = bundle.manifest.artifacts.first()
        val store = ArtifactStore(folder.root)
        val file = store.fileOf(bundle, artifact)
        assertContentEquals(source.network, file.readBytes())
        source.files.remove(MemoryBundle.NETWORK)
        assertEquals(file, store.fileOf(bundle, artifact))
        store.sweep(listOf(bundle))
        assertTrue(file.exists())
        store.sweep(emptyList())
        assertEquals(0, folder.root.list()?.size)
    }

    @Test
    fun `an artifact that a crash cut short is copied again`() {
        val bundle = Bundle.open(source, "whole")
        val artifact = bundle.manifest.artifacts.first()
        val store = ArtifactStore(folder.root)
        store.fileOf(bundle, artifact).writeBytes(source.network.copyOf(5))
        assertContentEquals(source.network, store.fileOf(bundle, artifact).readBytes())
    }

    @Test
    fun `a missing artifact is the bundle's fault, not the storage's`() {
        source.files.remove(MemoryBundle.NETWORK)
        val bundle = Bundle.open(source, "whole")
        val outcome = attempt {
            ArtifactStore(folder.root).fileOf(bundle, bundle.manifest.artifacts.first())
        }
        val failed = outcome as Outcome.Failed
        assertEquals(Failure.BUNDLE, failed.failure)
        assertTrue("network is missing" in failed.detail)
    }

    @Test
    fun `an altered artifact leaves nothing behind`() {
        source.files[MemoryBundle.NETWORK] = "other bytes".toByteArray()
        val bundle = Bundle.open(source, "whole")
        assertFailsWith<BundleException> {
            ArtifactStore(folder.root).fileOf(bundle, bundle.manifest.artifacts.first())
        }
        assertEquals(0, folder.root.list()?.size)
    }

    @Test
    fun `a broken bundle does not keep another from working`() {
        val opened = openAll(source, listOf(FakeRuntime(Format.EXECUTORCH, "1.4.1")))
        assertEquals(listOf("broken"), opened.refused.map(RefusedBundle::name))
        assertEquals("executorch-int8", opened.preferred()?.artifact?.name)
    }

    @Test
    fun `a bundle for another version of the runtime is refused in words`() {
        val opened = openAll(source, listOf(FakeRuntime(Format.EXECUTORCH, "1.5.0")))
        val problem = opened.refused.last().problem as BundleProblem.NoRuntime
        assertTrue(RuntimeNeeded("ExecuTorch", "1.4.1", exact = true) in problem.needed)
    }

    @Test
    fun `an artifact that takes another input than the manifest's is not offered`() {
        source.describe(source.labels) { manifest ->
            val artifacts = manifest.getJSONArray("artifacts").objects()
            val int8 = artifacts.single { it.getString("name") == "executorch-int8" }
            int8.getJSONObject("input").put("shape", JSONArray(listOf(1, 224, 224, 3)))
        }
        val opened = openAll(source, listOf(FakeRuntime(Format.EXECUTORCH, "1.4.1")))
        assertEquals(listOf("executorch-fp32"), opened.choices.map { it.artifact.name })
    }

    @Test
    fun `a folder without bundles gives no choice`() {
        assertNull(openAll(FolderBundles(File("/nowhere")), emptyList()).preferred())
    }

    private fun problem() =
        assertFailsWith<BundleException> { Bundle.open(source, "whole") }.problem
}
