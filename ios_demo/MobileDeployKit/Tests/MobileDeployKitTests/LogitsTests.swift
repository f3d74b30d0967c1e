import MobileDeployCore
import XCTest

final class LogitsTests: XCTestCase {
    /// A number, or the text "nan", "inf" or "-inf", which JSON cannot say otherwise.
    private struct Figure: Decodable {
        let value: Float

        init(from decoder: Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Float.self) {
                value = number
            } else {
                value = try XCTUnwrap(Float(container.decode(String.self)))
            }
        }
    }

    private struct Ranked: Decodable {
        struct Class: Decodable {
            let index: Int
            let probability: Double
        }

        let logits: [Figure]
        let k: Int
        let top: [Class]
    }

    func testTheBestClassesAreThoseOfPython() throws {
        for each in try Fixtures.json("topk/cases.json", as: [Ranked].self) {
            let found = Logits(each.logits.map(\.value)).top(each.k)
            XCTAssertEqual(found.map(\.index), each.top.map(\.index))
            for (ranked, expected) in zip(found, each.top) {
                XCTAssertEqual(ranked.probability, expected.probability, accuracy: 1e-9)
            }
        }
    }

    func testLogarithmsOfProbabilitiesHaveTheSameSoftmax() {
        let probabilities: [Float] = [0.5, 0.25, 0.25, 0]
        let logits = Logits(probabilities: probabilities)
        XCTAssertTrue(logits.values.allSatisfy(\.isFinite))
        for (found, expected) in zip(logits.softmax(), probabilities) {
            XCTAssertEqual(found, Double(expected), accuracy: 1e-7)
        }
    }

    func testAComparisonKnowsEqualAndWrongAnswers() {
        let reference = [Logits([1, 2, 3]), Logits([3, 2, 1])]
        let same = GoldenComparison(reference: reference, candidate: reference)
        XCTAssertEqual(same.decibels, .infinity)
        XCTAssertEqual(same.agreeing, 2)
        // A constant on all logits is the same answer.
        let shifted = [Logits([11, 12, 13]), Logits([-3, -4, -5])]
        XCTAssertGreaterThan(
            GoldenComparison(reference: reference, candidate: shifted).decibels, 100)
        let swapped = GoldenComparison(reference: reference, candidate: reference.reversed())
        XCTAssertLessThan(swapped.decibels, 3)
        XCTAssertEqual(swapped.agreeing, 0)
        let broken = [Logits([1, 2, .nan]), Logits([3, 2, 1])]
        XCTAssertEqual(
            GoldenComparison(reference: reference, candidate: broken).decibels, -.infinity)
    }
}
