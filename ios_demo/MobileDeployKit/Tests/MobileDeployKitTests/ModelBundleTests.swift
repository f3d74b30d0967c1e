import MobileDeployCore
import XCTest

final class ModelBundleTests: XCTestCase {
    private func folder() throws -> URL {
        try temporaryFolder(for: self).appendingPathComponent("tiny")
    }

    func testABundleGivesItsLabelsCropsAndAnswers() throws {
        let bundle = try TinyBundle.make(in: folder())
        XCTAssertEqual(bundle.name, "tiny")
        XCTAssertEqual(bundle.network, "tiny 0.5 4x4")
        XCTAssertEqual(bundle.labels, TinyBundle.labels)
        XCTAssertEqual(try bundle.goldenCrop(3), TinyBundle.crop(3))
        let logits = try bundle.floatLogits()
        XCTAssertEqual(logits.rows.count, TinyBundle.photos)
        XCTAssertEqual(logits.rows[2], TinyBundle.logits(2))
        let artifacts = bundle.manifest.artifacts
        XCTAssertNil(try bundle.ownLogits(of: artifacts[0]))
        XCTAssertEqual(try bundle.ownLogits(of: artifacts[1]), logits)
    }

    func testArtifactsAreFoundOnceTheirHashAgrees() throws {
        let bundle = try TinyBundle.make(in: folder())
        for artifact in bundle.manifest.artifacts {
            XCTAssertEqual(try bundle.checkedURL(of: artifact).lastPathComponent, artifact.file)
        }
    }

    func testEveryAlteredOrMissingFileIsNamed() throws {
        let bundle = try TinyBundle.make(in: folder())
        let artifacts = bundle.manifest.artifacts
        let readings: [String: () throws -> Void] = [
            "labels.txt": { _ = try ModelBundle(opening: bundle.folder) },
            "golden/1.rgb": { _ = try bundle.goldenCrop(1) },
            "golden/logits_float.f32": { _ = try bundle.floatLogits() },
            "golden/logits_int8.f32": { _ = try bundle.ownLogits(of: artifacts[1]) },
            "tiny_int8.pte": { _ = try bundle.checkedURL(of: artifacts[1]) },
        ]
        for (file, read) in readings {
            let url = bundle.folder.appendingPathComponent(file)
            try Data("other".utf8).write(to: url)
            XCTAssertThrowsError(try read(), file) { error in
                XCTAssertEqual(error as? BundleProblem, .altered(file))
            }
            try FileManager.default.removeItem(at: url)
            XCTAssertThrowsError(try read(), file) { error in
                XCTAssertEqual(error as? BundleProblem, .missing(file))
            }
        }
    }

    func testAnAlteredPackageIsNamed() throws {
        let bundle = try TinyBundle.make(in: folder())
        let package = bundle.manifest.artifacts[0]
        let added = bundle.folder.appendingPathComponent("\(package.file)/more.bin")
        try Data().write(to: added)
        XCTAssertThrowsError(try bundle.checkedURL(of: package)) { error in
            XCTAssertEqual(error as? BundleProblem, .altered(package.file))
        }
    }

    func testAllBundlesOfAFolderAreListedWithTheBrokenOnes() throws {
        let parent = try temporaryFolder(for: self)
        try TinyBundle.write(to: parent.appendingPathComponent("b"))
        for name in ["a", ".hidden"] {
            try FileManager.default.createDirectory(
                at: parent.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        let found = ModelBundle.all(in: parent)
        XCTAssertEqual(found.map(\.name), ["a", "b"])
        XCTAssertThrowsError(try found[0].bundle.get()) { error in
            XCTAssertEqual(error as? BundleProblem, .missing("manifest.json"))
        }
        XCTAssertEqual(try found[1].bundle.get().labels, TinyBundle.labels)
        XCTAssertTrue(ModelBundle.all(in: parent.appendingPathComponent("none")).isEmpty)
    }
}
