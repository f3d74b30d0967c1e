import MobileDeployCore
import MobileDeployRuntime
import XCTest

final class AvailableRuntimesTests: XCTestCase {
    private func objections(_ versions: [String: String]) throws -> [String?] {
        let folder = try temporaryFolder(for: self).appendingPathComponent("tiny")
        let artifacts = try TinyBundle.make(in: folder).manifest.artifacts
        return artifacts.map(AvailableRuntimes(versions).objection)
    }

    func testAnArtifactRunsOnTheVersionsThatItsManifestAllows() throws {
        let fitting = [["iOS": "17.0.0"], ["iOS": "17"], ["iOS": "18.1"], ["iOS": "26.0"]]
        for versions in fitting {
            let all = versions.merging(["ExecuTorch": "1.4.1"]) { first, _ in first }
            XCTAssertEqual(try objections(all), [nil, nil], "\(versions)")
        }
    }

    func testAnotherVersionOrNoneIsExplained() throws {
        XCTAssertEqual(
            try objections(["iOS": "16.7", "ExecuTorch": "1.5.0"]),
            [
                "coreml-fp16 needs iOS 17.0 or later, here is 16.7.",
                "executorch-int8 needs ExecuTorch 1.4.1, here is 1.5.0.",
            ])
        XCTAssertEqual(
            try objections(["iOS": "17.0"])[1],
            "executorch-int8 needs ExecuTorch, which this app does not have.")
    }
}
