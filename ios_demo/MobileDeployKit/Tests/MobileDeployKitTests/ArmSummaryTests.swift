import MobileDeployCore
import XCTest

final class ArmSummaryTests: XCTestCase {
    func testTheStoredExportComesToTheseFigures() throws {
        let results = try Results(json: Fixtures.data("results/ios.json"))
        let summaries = results.devices[0].arms.map(ArmSummary.init)
        XCTAssertEqual(summaries.map(\.medianNs), [507_000, 2_007_000, 2_007_000])
        XCTAssertEqual(summaries.map(\.loadNs), [20_000_000, 20_000_000, 20_000_000])
        XCTAssertEqual(summaries.map(\.memoryPeakBytes), [50_000_000, 50_000_000, 50_000_000])
        XCTAssertEqual(summaries.map(\.hottest), [0, 0, 0])
        XCTAssertEqual(summaries.map(\.failure), [nil, nil, nil])
        for summary in summaries {
            XCTAssertGreaterThan(try XCTUnwrap(summary.p90Ns), try XCTUnwrap(summary.medianNs))
        }
    }

    func testAnArmThatWasNotMeasuredHasNoFigures() throws {
        let results = try Results(json: Fixtures.data("results/ios.json"))
        let arm = results.devices[0].arms[0]
        let empty = MeasuredArm(
            key: arm.key, bundle: arm.bundle, artifact: arm.artifact, blocks: [])
        let summary = ArmSummary(empty)
        XCTAssertNil(summary.medianNs)
        XCTAssertNil(summary.p90Ns)
        XCTAssertNil(summary.hottest)
    }
}
