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

    func testALiveDisplayForgetsOldTimes() {
        var times = RecentTimes(capacity: 3)
        XCTAssertNil(times.median)
        for time in [100.0, 1, 2, 3] { times.add(time) }
        XCTAssertEqual(times.median, 2)
    }
}
