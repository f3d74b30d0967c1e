import MobileDeployCore
import XCTest

/// The properties that `tests/benchmark/test_session.py` asks of Python's order.
final class RoundOrderTests: XCTestCase {
    func testARoundHasEveryArmOnceAndTheSeedRepeatsIt() {
        for arms in 0..<8 {
            for round in 0..<5 {
                let order = RoundOrder.of(arms, round: round, seed: 7)
                XCTAssertEqual(order.sorted(), Array(0..<arms))
                XCTAssertEqual(order, RoundOrder.of(arms, round: round, seed: 7))
            }
        }
        let seeds = Set(
            (0..<50).map { seed in (0..<4).map { RoundOrder.of(4, round: $0, seed: seed) } })
        XCTAssertEqual(seeds.count, 50)
    }

    /// Of 2000 sessions, all 36 pairs of orders in two rounds: chi-square below its 99.9 %.
    func testEveryOrderIsAsLikelyWhateverCameBefore() {
        var drawn: [[[Int]]: Int] = [:]
        for seed in 0..<2000 {
            drawn[(0..<2).map { RoundOrder.of(3, round: $0, seed: seed) }, default: 0] += 1
        }
        XCTAssertEqual(drawn.count, 36)
        let expected = 2000.0 / 36
        let chiSquare = drawn.values.map { pow(Double($0) - expected, 2) / expected }.reduce(0, +)
        XCTAssertLessThan(chiSquare, 66.6)
    }

    /// Within one session too, whose rounds share a seed; and each arm comes right before each
    /// other nearly as often.
    func testRoundsOfOneSeedHaveNothingToDoWithEachOther() {
        var pairs: [[[Int]]: Int] = [:]
        var precedes: [[Int]: Int] = [:]
        for round in 0..<3600 {
            let order = RoundOrder.of(3, round: round, seed: 1)
            let next = RoundOrder.of(3, round: round + 1, seed: 1)
            pairs[[order, next], default: 0] += 1
            for (first, second) in zip(order, order.dropFirst()) {
                precedes[[first, second], default: 0] += 1
            }
        }
        let chiSquare = pairs.values.map { pow(Double($0) - 100, 2) / 100 }.reduce(0, +)
        XCTAssertLessThan(chiSquare, 66.6)
        XCTAssertEqual(precedes.count, 6)
        for count in precedes.values { XCTAssertEqual(Double(count), 1200, accuracy: 120) }
    }

    /// Kept, so that a session's order can be made again from the seed in its results.
    func testTheOrderOfASeedDoesNotChangeWithTheLibrary() {
        let orders = (0..<4).map { RoundOrder.of(5, round: $0, seed: 2_024) }
        XCTAssertEqual(orders, RoundOrderTests.kept)
    }

    // What the algorithm gives, computed in Python.
    private static let kept = [[2, 1, 3, 0, 4], [4, 1, 0, 3, 2], [3, 4, 2, 0, 1], [0, 3, 2, 4, 1]]
}
