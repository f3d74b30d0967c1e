import Foundation

/// A class by its place in the network's output, with its probability.
public struct RankedClass: Equatable, Sendable {
    public let index: Int
    public let probability: Double
}

/// What a network says of one photo: a logit for each class.
///
/// A network that ends in a softmax gives probabilities. Their logarithms are its logits but for a
/// constant, which changes nothing that is read from them.
public struct Logits: Equatable, Sendable {
    public let values: [Float]

    public init(_ values: [Float]) {
        self.values = values
    }

    /// The logarithms, finite also where a probability is too small for the network's float16.
    public init(probabilities: [Float]) {
        values = probabilities.map { log(max($0, .leastNormalMagnitude)) }
    }

    /// Probabilities in the order of the classes; 0 for a logit that is not finite.
    public func softmax() -> [Double] {
        let largest = values.filter(\.isFinite).max() ?? 0
        let powers = values.map { $0.isFinite ? exp(Double($0) - Double(largest)) : 0 }
        let total = powers.reduce(0, +)
        return powers.map { $0 / total }
    }

    /// The `k` most probable classes, the best first; of equal ones the earlier class first.
    /// Logits that are not finite have no place in it.
    public func top(_ k: Int) -> [RankedClass] {
        let probabilities = softmax()
        let finite = values.indices.filter { values[$0].isFinite }
        let ranked = finite.sorted { (values[$0], $1) > (values[$1], $0) }
        return ranked.prefix(k).map { RankedClass(index: $0, probability: probabilities[$0]) }
    }
}
