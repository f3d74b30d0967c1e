import Foundation

/// A row of logits for each golden photo, as a bundle holds them.
public struct GoldenLogits: Equatable, Sendable {
    public let rows: [Logits]

    /// The same as base64 of float32, little-endian, as results hold them.
    public var base64: String {
        GoldenLogits.base64(of: rows.flatMap(\.values))
    }

    /// `data`: float32, little-endian, of whole rows of `classes`.
    init(littleEndian data: Data, classes: Int) {
        let bytes = [UInt8](data)
        let values = stride(from: 0, to: bytes.count, by: 4).map { at in
            let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
            return Float(bitPattern: bits)
        }
        rows = stride(from: 0, to: values.count, by: classes).map {
            Logits([Float](values[$0..<$0 + classes]))
        }
    }

    static func base64(of values: [Float]) -> String {
        var data = Data(capacity: values.count * 4)
        for value in values {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        return data.base64EncodedString()
    }
}

/// How far a runtime's answers are from those that a bundle holds.
public struct GoldenComparison: Equatable, Sendable {
    /// Signal to error power of all probabilities in dB: infinite where not one differs, minus
    /// infinite where an answer has another size or is not finite.
    public let decibels: Double
    /// Photos with the same top class.
    public let agreeing: Int
    public let photos: Int

    /// Probabilities are compared, since a network that ends in a softmax tells no more.
    public init(reference: [Logits], candidate: [Logits]) {
        precondition(reference.count == candidate.count)
        var (signal, noise) = (0.0, 0.0)
        for (expected, given) in zip(reference, candidate) {
            let same = expected.values.count == given.values.count
            if !same || !given.values.allSatisfy(\.isFinite) { noise = .infinity }
            for (truth, answer) in zip(expected.softmax(), given.softmax()) {
                signal += truth * truth
                noise += (truth - answer) * (truth - answer)
            }
        }
        decibels = noise == 0 ? .infinity : 10 * (log10(signal) - log10(noise))
        let same = zip(reference, candidate).filter { expected, given in
            expected.top(1).map(\.index) == given.top(1).map(\.index)
        }
        agreeing = same.count
        photos = reference.count
    }
}
