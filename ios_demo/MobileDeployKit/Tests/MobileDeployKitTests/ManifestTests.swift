import MobileDeployCore
import XCTest

final class ManifestTests: XCTestCase {
    private struct Refused: Decodable {
        let name: String
        let text: String
        let problem: String
    }

    func testAManifestOfARealBuildIsRead() throws {
        let manifest = try ManifestReader.read(Fixtures.data("manifests/good.json"))
        XCTAssertEqual(manifest.schemaVersion, 1)
        XCTAssertEqual(manifest.labels.count, manifest.network.classes)
        XCTAssertEqual(manifest.preprocessing.crop.height, manifest.network.resolution[0])
        let package = try XCTUnwrap(manifest.artifacts.first { $0.format == .coreml })
        XCTAssertEqual(package.input.kind, .image)
        XCTAssertEqual(package.output.kind, .probabilities)
        XCTAssertEqual(package.runtime.rule, .atLeast)
        XCTAssertNotNil(manifest.toolkits["coremltools"])
    }

    func testANetworkOfTheUsersOwnIsRead() throws {
        let manifest = try ManifestReader.read(Fixtures.data("manifests/user_network.json"))
        XCTAssertNil(manifest.network.width)
    }

    func testPixelsAreReadAsTheManifestSaysThem() throws {
        let manifest = try ManifestReader.read(Fixtures.data("manifests/pixels.json"))
        XCTAssertEqual(manifest.schemaVersion, ManifestReader.schemaVersion)
        for artifact in manifest.artifacts {
            XCTAssertEqual(artifact.input.kind, .pixels)
            let pixels = try XCTUnwrap(artifact.input.pixels)
            XCTAssertEqual(pixels.dtype, artifact.format == .executorch ? .int8 : .uint8)
        }
    }

    func testWhatIsNoManifestIsRefused() throws {
        for each in try Fixtures.json("manifests/refused.json", as: [Refused].self) {
            let data = Data(each.text.utf8)
            XCTAssertThrowsError(try ManifestReader.read(data), each.name) { error in
                switch error {
                case BundleProblem.newerSchema: XCTAssertEqual(each.problem, "newer", each.name)
                case BundleProblem.malformed: XCTAssertEqual(each.problem, "broken", each.name)
                default: XCTFail("\(each.name): \(error)")
                }
            }
        }
    }

    func testBytesThatAreNoTextAreRefused() throws {
        let good = try Fixtures.data("manifests/good.json")
        // In a key, in a value and between them.
        for place in [5, 20, 4] {
            var altered = good
            altered[place] = 0xff
            XCTAssertThrowsError(try ManifestReader.read(altered), "\(place)") { error in
                XCTAssertEqual(error as? BundleProblem, .malformed("the whole"))
            }
        }
    }

    func testNoManifestWithAByteAlteredEndsInAnythingButAnAnswer() throws {
        let good = try Fixtures.data("manifests/user_network.json")
        for place in stride(from: 0, to: good.count, by: 3) {
            for value in [0x00, 0xc3] + Array("\"\\9{".utf8) {
                var altered = good
                altered[place] = value
                _ = try? ManifestReader.read(altered)
            }
        }
    }

    func testAMessageNamesTheFieldThatIsWrong() throws {
        let text = try String(decoding: Fixtures.data("manifests/good.json"), as: UTF8.self)
        let wrong = text.replacingOccurrences(of: "\"NCHW\"", with: "\"NHWC\"")
        XCTAssertThrowsError(try ManifestReader.read(Data(wrong.utf8))) { error in
            XCTAssertTrue(error.localizedDescription.contains("input.layout"))
        }
    }
}
