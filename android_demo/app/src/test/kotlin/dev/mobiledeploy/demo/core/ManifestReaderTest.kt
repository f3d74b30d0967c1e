package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.Fixtures
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull

class ManifestReaderTest {
    @Test
    fun `a good manifest is read`() {
        val manifest = ManifestReader.parse(Fixtures.text("manifests/good.json"))
        assertEquals("mobilenet_v2", manifest.network.name)
        assertEquals(1000, manifest.network.classes)
        assertEquals(Size(224, 224), manifest.preprocessing.crop)
        assertEquals(Size(256, 256), manifest.preprocessing.resize)
        assertEquals(listOf(0.485, 0.456, 0.406), manifest.preprocessing.mean)
        assertEquals(2, manifest.golden.crops.size)
        val int8 = manifest.artifacts.single { it.name == "executorch-int8" }
        assertEquals(Format.EXECUTORCH, int8.format)
        assertEquals(RuntimeNeeded("ExecuTorch", "1.4.1", exact = true), int8.runtime)
        assertEquals(listOf(1L, 3L, 224L, 224L), int8.inputShape)
        assertEquals("golden/logits_executorch-int8.f32", manifest.golden.logits[int8.name]?.file)
    }

    @Test
    fun `what is unknown of a user's network is absent`() {
        val manifest = ManifestReader.parse(Fixtures.text("manifests/user_network.json"))
        assertNull(manifest.network.width)
        val (exact, unverified) = manifest.artifacts
        assertNull(exact.measured?.sqnrDb)
        assertNull(unverified.measured)
        assertEquals("Core ML cannot be run on this system", unverified.unverifiedReason)
    }

    @Test
    fun `pixels are read as the manifest says them`() {
        val manifest = ManifestReader.parse(Fixtures.text("manifests/pixels.json"))
        for (artifact in manifest.artifacts) {
            val isPte = artifact.format == Format.EXECUTORCH
            assertEquals(PixelBytes(signed = isPte), artifact.pixels)
            val sides = if (isPte) listOf(1L, 4L, 224L, 224L) else listOf(1L, 224L, 224L, 4L)
            assertEquals(sides, artifact.inputShape)
        }
    }

    @Test
    fun `a hostile or newer manifest is refused with its own exception`() {
        for (case in Fixtures.list("manifests/refused.json")) {
            val name = case.getString("name")
            val parse = { ManifestReader.parse(case.getString("text")) }
            when (case.getString("problem")) {
                "newer" -> assertFailsWith<NewerSchema>(name) { parse() }
                else -> assertFailsWith<JsonProblem>(name) { parse() }
            }
        }
    }

    @Test
    fun `a refusal names the field`() {
        val good = Fixtures.text("manifests/good.json")
        val text = good.replace("\"classes\": 1000", "\"classes\": 0")
        val problem = assertFailsWith<JsonProblem> { ManifestReader.parse(text) }
        assertEquals("network.classes is not within 1 and 10000000", problem.message)
    }
}
