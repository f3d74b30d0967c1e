import Foundation

/// results.json: the facts of one measuring session and nothing concluded from them, in the very
/// envelope that `mobile-deploy profile` writes and `mobile-deploy compare` reads.
public struct Results: Codable, Equatable, Sendable {
    /// Of files with times before the network, of those with arms that take pixels, of others.
    private static let preparationVersion = 5
    private static let pixelsVersion = 4
    private static let plainVersion = 1

    public let schemaVersion: Int
    public let tool: Manifest.Tool
    /// A random name.
    public let session: String
    /// ISO 8601, UTC.
    public let started: String
    public let settings: BenchmarkSettings
    public let bundles: [MeasuredBundle]
    public let devices: [MeasuredDevice]

    public init(
        appVersion: String,
        session: String,
        started: Date,
        settings: BenchmarkSettings,
        bundles: [MeasuredBundle],
        device: MeasuredDevice
    ) {
        schemaVersion = Results.version(of: device.arms)
        tool = Manifest.Tool(name: "mobile-deploy", version: appVersion)
        self.session = session
        self.started = ISO8601DateFormatter().string(from: started)
        self.settings = settings
        self.bundles = bundles
        devices = [device]
    }

    /// The oldest that holds what is there: whoever reads no newer one is to read it too.
    private static func version(of arms: [MeasuredArm]) -> Int {
        if arms.flatMap(\.blocks).contains(where: { $0.answer?.preparation != nil }) {
            return preparationVersion
        }
        return arms.contains { $0.key.input != nil } ? pixelsVersion : plainVersion
    }

    /// The text of results.json.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    public init(json: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Results.self, from: json)
    }
}

/// What the session was asked to do.
public struct BenchmarkSettings: Codable, Equatable, Sendable {
    public let rounds: Int
    public let iterations: Int
    public let warmup: Int
    public let coolBelowC: Double
    public let coolTimeoutS: Double
    public let blockTimeoutS: Double
    public let seed: Int

    /// iOS tells no battery temperature, so there is none to wait for: the bound is the highest
    /// that the file may hold. Nor can an inference be stopped: its time-out is the longest. The
    /// order of the arms is of chance, so that nothing on the phone can keep step with it.
    public init(
        rounds: Int = 10, iterations: Int = 20, warmup: Int = 5, coolTimeoutS: Double = 120,
        seed: Int = Int(UInt32.random(in: .min ... .max))
    ) {
        self.rounds = rounds
        self.iterations = iterations
        self.warmup = warmup
        coolBelowC = 300
        self.coolTimeoutS = coolTimeoutS
        blockTimeoutS = 3600
        self.seed = seed
    }
}

public struct MeasuredArtifact: Codable, Equatable, Sendable {
    public let name: String
    public let format: Artifact.Format
    public let precision: Artifact.Precision
    public let backend: String
    public let bytes: Int
    public let sha256: String
    @OrNull public var ownLogits: String?
}

public struct MeasuredBundle: Codable, Equatable, Sendable {
    public let id: String
    public let label: String
    public let network: String
    public let width: String
    public let resolution: [Int]
    public let classes: Int
    public let golden: Int
    public let floatLogits: String
    public let artifacts: [MeasuredArtifact]

    /// The facts of `bundle` and of those of its artifacts that are measured. Throws
    /// `BundleProblem`.
    public init(_ bundle: ModelBundle, artifacts: [Artifact]) throws {
        let network = bundle.manifest.network
        id = bundle.id
        label = bundle.name
        self.network = network.name
        width = network.width.map { String(format: "%g", $0) } ?? "-"
        resolution = network.resolution
        classes = network.classes
        golden = bundle.manifest.golden.count
        floatLogits = try bundle.floatLogits().base64
        self.artifacts = try artifacts.map { artifact in
            MeasuredArtifact(
                name: artifact.name,
                format: artifact.format,
                precision: artifact.precision,
                backend: artifact.backend,
                bytes: artifact.bytes,
                sha256: artifact.sha256,
                ownLogits: try bundle.ownLogits(of: artifact)?.base64
            )
        }
    }
}

/// What makes an arm the same arm in two files.
public struct ArmKey: Codable, Equatable, Sendable {
    public let network: String
    public let format: Artifact.Format
    public let precision: Artifact.Precision
    public let backend: String
    public let runner: String
    @OrNull public var threads: Int?
    /// The compute units of Core ML; nil for other runtimes.
    @OrNull public var cores: String?
    /// nil, and not in the file, where it takes no pixels.
    public let input: String?

    public init(bundle: ModelBundle, artifact: Artifact, units: ComputeUnits?) {
        network = bundle.network
        format = artifact.format
        precision = artifact.precision
        backend = artifact.backend
        runner = "app"
        _threads = OrNull(wrappedValue: nil)
        _cores = OrNull(wrappedValue: units?.rawValue)
        input = artifact.input.pixels == nil ? nil : "pixels"
    }
}

/// What Core ML may use: permissions, not orders.
public enum ComputeUnits: String, Codable, CaseIterable, Sendable {
    case all
    case cpuOnly = "cpu-only"
    case cpuAndNeuralEngine = "cpu-and-neural-engine"
}
