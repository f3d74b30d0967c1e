import MobileDeployCore
import XCTest

final class StatisticsTests: XCTestCase {
    private struct Ordered: Decodable {
        let values: [Double]
        let median: Double
        let quantiles: [String: Double]
    }

    func testQuantilesAreThoseOfPython() throws {
        for each in try Fixtures.json("order_statistics/cases.json", as: [Ordered].self) {
            XCTAssertEqual(OrderStatistics.median(each.values), each.median)
            for (q, expected) in each.quantiles {
                let share = try XCTUnwrap(Double(q))
                let found = try XCTUnwrap(OrderStatistics.quantile(each.values, share))
                XCTAssertEqual(found, expected, accuracy: expected * 1e-12)
            }
        }
    }

    func testNoValuesHaveNoMedian() {
        XCTAssertNil(OrderStatistics.median([]))
    }

    func testAQuantileNeedsAsManySamplesAsInPython() {
        for (q, smallest) in [(0.5, 6), (0.9, 36), (0.99, 368)] {
            XCTAssertFalse(OrderStatistics.isEnough(smallest - 1, for: q))
            XCTAssertTrue(OrderStatistics.isEnough(smallest, for: q))
        }
    }

    func testALiveDisplayForgetsOldFrames() {
        var frames = RecentFrames(capacity: 3)
        XCTAssertNil(frames.median)
        for (index, time) in [100.0, 1, 2, 3].enumerated() {
            XCTAssertEqual(frames.perSecond, index < 2 ? nil : 4)
            frames.add(
                FrameTimes(crop: time, input: time * 4, network: time * 2, rest: time * 3),
                end: Double(index) / 4)
        }
        XCTAssertEqual(frames.median, FrameTimes(crop: 2, input: 8, network: 4, rest: 6))
        XCTAssertEqual(frames.perSecond, 4)
    }

    func testTimesShortOfAMillisecondHaveADigitMore() {
        let shown = [0.123456, 0.9951, 1.0049, 12.34, 123.4].map(Figures.milliseconds)
        XCTAssertEqual(shown, ["0.12 ms", "1.00 ms", "1.0 ms", "12.3 ms", "123.4 ms"])
    }
}
