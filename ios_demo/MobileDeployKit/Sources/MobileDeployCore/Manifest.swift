/// manifest.json of a bundle, as far as an app needs it. docs/schema/manifest.schema.json has all.
public struct Manifest: Decodable, Equatable, Sendable {
    public let schemaVersion: Int
    public let tool: Tool
    public let network: Network
    public let weights: Weights
    public let input: Input
    public let labels: Labels
    public let toolkits: [String: String]
    public let artifacts: [Artifact]
    public let golden: Golden
}

extension Manifest {
    /// What wrote the bundle.
    public struct Tool: Codable, Equatable, Sendable {
        public let name: String
        public let version: String
    }

    public struct Network: Decodable, Equatable, Sendable {
        public let name: String
        /// nil for a network that knows no width multiplier.
        public let width: Double?
        public let resolution: [Int]
        public let classes: Int
        public let params: Int
        public let macs: Int
    }

    public struct Weights: Decodable, Equatable, Sendable {
        /// Where they come from, in words.
        public let source: String
    }

    /// How a photo becomes the network's input.
    public struct Input: Decodable, Equatable, Sendable {
        public let shape: [Int]
        public let dtype: String
        public let layout: String
        public let colourOrder: String
        public let resize: [Int]
        public let resizeFilter: String
        public let crop: [Int]
        public let scale: Double
        public let mean: [Double]
        public let std: [Double]
    }

    public struct FileRecord: Decodable, Equatable, Sendable {
        /// Path inside the bundle.
        public let file: String
        public let sha256: String
    }

    public struct Labels: Decodable, Equatable, Sendable {
        public let file: String
        public let sha256: String
        public let count: Int
    }

    public struct Golden: Decodable, Equatable, Sendable {
        public let count: Int
        public let photos: [GoldenPhoto]
        public let logitsFloat: FileRecord
        public let logits: [GoldenLogits]
    }

    public struct GoldenPhoto: Decodable, Equatable, Sendable {
        public let png: String
        public let pngSha256: String
        /// The crop: 8-bit RGB, row by row.
        public let rgb: String
        public let rgbSha256: String
        /// Author and licence of a bundled sample; nil for a photo of the user's own.
        public let credit: String?
    }

    public struct GoldenLogits: Decodable, Equatable, Sendable {
        public let file: String
        public let sha256: String
        public let artifact: String
    }
}

/// A network file for one runtime.
public struct Artifact: Decodable, Equatable, Sendable {
    public enum Format: String, Codable, Sendable {
        case executorch
        case onnx
        case coreml
    }

    public enum Precision: String, Codable, Sendable {
        case fp32
        case fp16
        case int8
        case w8

        /// Whether its artifacts answer for a program of their own, beside the float network.
        public var isQuantized: Bool { self == .int8 || self == .w8 }
    }

    public let file: String
    public let sha256: String
    public let name: String
    public let format: Format
    public let backend: String
    public let precision: Precision
    public let bytes: Int
    public let runtime: Runtime
    public let input: Input
    public let output: Output
    public let measured: Measured?
    public let verified: Bool
    /// Why it did not pass the gates when it was built; nil where it did.
    public let unverifiedReason: String?
}

extension Artifact {
    public struct Runtime: Decodable, Equatable, Sendable {
        public enum Rule: String, Decodable, Sendable {
            case exact
            case atLeast = "at least"
        }

        public let name: String
        public let version: String
        public let rule: Rule
    }

    public struct Input: Decodable, Equatable, Sendable {
        public enum Kind: String, Decodable, Sendable {
            case tensor
            case image
            case pixels
        }

        public let kind: Kind
        public let name: String
        public let shape: [Int]
        /// nil where the kind is another.
        public let pixels: Pixels?
    }

    /// How the bytes of a crop are handed over, four for each pixel.
    public struct Pixels: Decodable, Equatable, Sendable {
        public enum Element: String, Decodable, Sendable {
            case uint8
            case int8
        }

        public let dtype: Element
        public let memory: String
        public let channelOrder: String
        public let alpha: Int
        public let zero: Int
    }

    public struct Output: Decodable, Equatable, Sendable {
        public enum Kind: String, Decodable, Sendable {
            case logits
            case probabilities
        }

        public let name: String
        public let shape: [Int]
        public let kind: Kind
        public let labelOutput: String?
    }

    /// How close it comes to the float network on photos that calibration never saw.
    public struct Measured: Decodable, Equatable, Sendable {
        public let photos: Int
        public let agreement: Double
        /// nil where not one bit differs.
        public let sqnrDb: Double?
    }
}

extension Manifest {
    public var preprocessing: Preprocessing {
        Preprocessing(
            resize: PixelSize(height: input.resize[0], width: input.resize[1]),
            crop: PixelSize(height: input.crop[0], width: input.crop[1]),
            scale: input.scale,
            mean: input.mean,
            std: input.std
        )
    }
}
