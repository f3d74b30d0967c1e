import MobileDeployCore
import XCTest

final class BundleImportTests: XCTestCase {
    private struct Refused: Decodable {
        let name: String
        let same: Int
        let rest: Data
        let fault: String
        let apps: [String]
    }

    private let good = Fixtures.folder.appendingPathComponent("packs/tiny.zip")
    private var folder = URL(fileURLWithPath: "/")
    private var packs: BundleImport {
        BundleImport(folder: folder, formats: [.coreml, .executorch])
    }

    override func setUpWithError() throws {
        folder = try temporaryFolder(for: self).appendingPathComponent("bundles")
    }

    private func refused() throws -> [Refused] {
        try Fixtures.json("packs/refused.json", as: [Refused].self)
    }

    /// The pack of a case: so many bytes of the good one, then its own.
    private func file(_ refused: Refused) throws -> URL {
        let file = folder.deletingLastPathComponent().appendingPathComponent("pack.zip")
        try (Data(contentsOf: good).prefix(refused.same) + refused.rest).write(to: file)
        return file
    }

    private func names() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    func testWhatTheAppReadsOfAPackedBundleIsThereAndOpens() throws {
        let bundle = try packs.take(good)
        XCTAssertEqual(bundle.name, "tiny")
        XCTAssertEqual(bundle.labels, ["cat", "dog", "zèbre"])
        XCTAssertEqual(try bundle.goldenCrop(0).size, PixelSize(height: 4, width: 4))
        XCTAssertEqual(try bundle.floatLogits().rows.count, 1)
        for artifact in bundle.manifest.artifacts where artifact.format != .onnx {
            _ = try bundle.checkedURL(of: artifact)
        }
        let files = try FileManager.default.subpathsOfDirectory(atPath: bundle.folder.path)
        XCTAssertEqual(
            Set(files),
            [
                "manifest.json", "labels.txt", "tiny_int8.pte", "tiny_int8.mlpackage",
                "tiny_int8.mlpackage/Manifest.json", "tiny_int8.mlpackage/Data",
                "tiny_int8.mlpackage/Data/model.mlmodel", "golden", "golden/0.rgb",
                "golden/logits_float.f32", "golden/logits_executorch_int8.f32",
                "golden/logits_coreml_int8.f32",
            ])
    }

    func testAHostilePackIsRefusedByNameAndLeavesNothing() throws {
        let cases = try refused().filter { $0.apps.contains("ios") }
        XCTAssertGreaterThan(cases.count, 40)
        for each in cases {
            XCTAssertThrowsError(try packs.take(file(each)), each.name) { error in
                let problem = error as? PackProblem
                XCTAssertEqual(problem?.fault.rawValue, each.fault, "\(each.name): \(error)")
                let text = error.localizedDescription.utf8
                XCTAssertTrue(text.allSatisfy { (0x20...0x7e).contains($0) }, each.name)
            }
            XCTAssertEqual(names(), [], each.name)
        }
        let beside = try FileManager.default.contentsOfDirectory(
            atPath: folder.deletingLastPathComponent().path)
        XCTAssertEqual(beside.sorted(), ["bundles", "pack.zip"])
    }

    func testNoPackWithAByteAlteredEndsInAnythingButAnAnswer() throws {
        let whole = try Data(contentsOf: good)
        let file = folder.deletingLastPathComponent().appendingPathComponent("pack.zip")
        // The headers of the first entry, then the last entries and the whole table.
        let places = Array(stride(from: 0, to: 60, by: 3))
            + Array(stride(from: whole.count - 1500, to: whole.count, by: 17))
        for place in places {
            var altered = whole
            altered[place] ^= 0xff
            try altered.write(to: file)
            do {
                _ = try packs.take(file)
            } catch is PackProblem {
                XCTAssertEqual(names(), [], "\(place)")
            }
            try? FileManager.default.removeItem(at: folder)
        }
    }

    func testWhatIsWrongWithAnotherAppsPartDoesNotMatter() throws {
        for each in try refused() where !each.apps.contains("ios") {
            XCTAssertEqual(try packs.take(file(each)).name, "tiny", each.name)
        }
    }

    func testARefusedPackLeavesTheBundleOfItsNameAsItWas() throws {
        let before = try packs.take(good)
        let altered = try XCTUnwrap(refused().first { $0.name == "altered tiny_int8.pte" })
        XCTAssertThrowsError(try packs.take(file(altered)))
        let artifact = try XCTUnwrap(before.manifest.artifacts.first { $0.format == .executorch })
        _ = try before.checkedURL(of: artifact)
        XCTAssertEqual(names(), ["tiny"])
    }

    func testAnImportedBundleHidesOneOfItsNameThatTheAppWasBuiltWith() throws {
        let built = try temporaryFolder(for: self)
        try TinyBundle.write(to: built.appendingPathComponent("tiny"))
        try TinyBundle.write(to: built.appendingPathComponent("other"))
        let imported = try packs.take(good)
        let found = ModelBundle.all(in: [folder, built])
        XCTAssertEqual(found.map(\.name), ["other", "tiny"])
        XCTAssertEqual(try found[1].bundle.get(), imported)
    }

    func testABundleIsReplacedAndRemovedWhole() throws {
        let bundle = try packs.take(good)
        let stray = bundle.folder.appendingPathComponent("of-the-old")
        try Data("x".utf8).write(to: stray)
        _ = try packs.take(good)
        XCTAssertFalse(FileManager.default.fileExists(atPath: stray.path))
        try packs.remove("..")
        try packs.remove("tiny")
        XCTAssertEqual(names(), [])
    }

    func testWhatAnImportLeftThatWasEndedHalfwayIsPutRight() throws {
        let manager = FileManager.default
        let bundle = try packs.take(good)
        let old = folder.appendingPathComponent(".tiny.old")
        try manager.createDirectory(
            at: folder.appendingPathComponent(".other.part"), withIntermediateDirectories: false)
        try manager.moveItem(at: bundle.folder, to: old)
        try packs.sweep()
        XCTAssertEqual(names(), ["tiny"])
        try manager.createDirectory(at: old, withIntermediateDirectories: false)
        try packs.sweep()
        XCTAssertEqual(names(), ["tiny"])
        XCTAssertEqual(try ModelBundle(opening: bundle.folder).name, "tiny")
    }
}
