import Foundation
import MobileDeployCore
import MobileDeployRuntime
import XCTest

final class ChoicesTests: XCTestCase {
    private let runtimes = AvailableRuntimes(["iOS": "17.5", "ExecuTorch": "1.4.1"])

    private func choices(
        _ found: [(name: String, bundle: Result<ModelBundle, any Error>)],
        _ runtimes: AvailableRuntimes, hasQuickInt8: Bool = false
    ) -> Choices {
        Choices(
            found, formats: [.coreml, .executorch], runtimes: runtimes, hasQuickInt8: hasQuickInt8)
    }

    /// A bundle with these artifacts, in the manifest's order.
    private func bundle(_ precisions: [(format: String, precision: String)]) throws -> ModelBundle {
        let folder = try temporaryFolder(for: self).appendingPathComponent("tiny")
        try TinyBundle.write(to: folder)
        let file = folder.appendingPathComponent("manifest.json")
        var manifest = try XCTUnwrap(
            JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let given = try XCTUnwrap(manifest["artifacts"] as? [[String: Any]])
        let runtimes: [String: [String: Any]] = [
            "coreml": ["name": "iOS", "version": "17.0", "rule": "at least"],
            "executorch": ["name": "ExecuTorch", "version": "1.4.1", "rule": "exact"],
            "onnx": ["name": "ONNX Runtime", "version": "1.18", "rule": "at least"],
        ]
        let backends = ["coreml": "coreml", "executorch": "xnnpack", "onnx": "onnxruntime-cpu"]
        manifest["artifacts"] = precisions.map { format, precision -> [String: Any] in
            given[1].merging(
                [
                    "name": "\(format)-\(precision)", "file": "\(format)_\(precision)",
                    "format": format, "precision": precision, "backend": backends[format]!,
                    "runtime": runtimes[format]!,
                ], uniquingKeysWith: { $1 })
        }
        var golden = try XCTUnwrap(manifest["golden"] as? [String: Any])
        let logits = try XCTUnwrap((golden["logits"] as? [[String: Any]])?.first)
        golden["logits"] = precisions.filter { ["int8", "w8"].contains($0.precision) }
        .map { each -> [String: Any] in
            let name = "\(each.format)-\(each.precision)"
            return logits.merging(["artifact": name, "file": "golden/\(name)"]) { $1 }
        }
        manifest["golden"] = golden
        try JSONSerialization.data(withJSONObject: manifest).write(to: file)
        return try ModelBundle(opening: folder)
    }

    func testTheBestForTheChipComesFirst() throws {
        let all = try bundle([
            ("executorch", "fp32"), ("executorch", "int8"), ("onnx", "int8"), ("coreml", "int8"),
            ("coreml", "w8"), ("coreml", "fp16"),
        ])
        let names = { (quick: Bool) in
            self.choices([("tiny", .success(all))], self.runtimes, hasQuickInt8: quick).of(all)
                .map(\.artifact.name)
        }
        let rest = ["executorch-int8", "executorch-fp32"]
        XCTAssertEqual(names(true), ["coreml-int8", "coreml-fp16", "coreml-w8"] + rest)
        XCTAssertEqual(names(false), ["coreml-fp16", "coreml-w8", "coreml-int8"] + rest)
        let processor = AvailableRuntimes(["iOS": "16.0", "ExecuTorch": "1.4.1"])
        let preferred = choices([("tiny", .success(all))], processor).preferred()
        XCTAssertEqual(preferred?.artifact.name, "executorch-int8")
        XCTAssertNil(preferred?.units)
    }

    func testTheChipIsToldByTheModel() {
        for model in ["iPhone16,1", "iPhone17,5", "iPad16,3"] {
            XCTAssertTrue(Chip.hasQuickInt8(model: model), model)
        }
        for model in ["iPhone15,2", "iPhone9,1", "iPad15,3", "iPod9,1", "x86_64", "iPhone"] {
            XCTAssertFalse(Chip.hasQuickInt8(model: model), model)
        }
    }

    func testWithoutABundleTheScreenSaysWhatToRun() {
        let text = choices([], runtimes).nothing
        XCTAssertTrue(text?.contains("mobile-deploy app ios BUNDLE") ?? false)
        XCTAssertTrue(text?.contains("mobile-deploy pack BUNDLE") ?? false)
    }

    func testWithoutAnythingThatRunsTheScreenSaysWhy() throws {
        let foreign = try bundle([("onnx", "fp32"), ("onnx", "int8")])
        let found: [(name: String, bundle: Result<ModelBundle, any Error>)] = [
            ("broken", .failure(BundleProblem.missing("labels.txt"))), ("tiny", .success(foreign)),
        ]
        let none = choices(found, runtimes)
        XCTAssertNil(none.preferred())
        XCTAssertEqual(
            none.nothing,
            "broken: labels.txt is missing: stage the bundle again.\n"
                + "tiny is for ONNX Runtime alone, which this app does not have: build it with --formats coreml,executorch.")
        let old = try bundle([("executorch", "fp32")])
        let other = choices([("tiny", .success(old))], AvailableRuntimes(["ExecuTorch": "1.5.0"]))
        XCTAssertEqual(other.nothing, "executorch-fp32 needs ExecuTorch 1.4.1, here is 1.5.0.")
    }

    func testAFrameIsTakenOnceTheOneBeforeIsDone() {
        let gate = FrameGate()
        XCTAssertEqual([gate.pass(), gate.pass(), gate.pass()], [true, false, false])
        gate.open()
        XCTAssertEqual([gate.pass(), gate.pass()], [true, false])
    }
}
