import Foundation

/// What one block gave, as docs/schema/answer.schema.json has it. Times are in nanoseconds of a
/// monotonic clock, of inference alone.
public struct Answer: Codable, Equatable, Sendable {
    public static let schemaVersion = 3
    /// Of answers without times before the network.
    public static let plainVersion = 1

    public enum Status: String, Codable, Sendable {
        case ok
        case error
    }

    public let schemaVersion: Int
    public let id: String
    public let status: Status
    @OrNull public var error: RunnerError?
    @OrNull public var runner: RunnerFacts?
    @OrNull public var loadNs: Int?
    @OrNull public var firstNs: Int?
    public let iterationsNs: [Int]
    @OrNull public var thermalBefore: ThermalReading?
    @OrNull public var thermalAfter: ThermalReading?
    @OrNull public var memoryBeforeBytes: Int?
    @OrNull public var memoryPeakBytes: Int?
    public let logits: [GoldenAnswer]
    /// nil, and not in the file, where it was not timed.
    public let preparation: PreparationTimes?
}

/// How long the app took before the network, for each of several pictures of one size.
public struct PreparationTimes: Codable, Equatable, Sendable {
    /// Height and width.
    public let picture: [Int]
    /// Resizing and cropping.
    public let cropNs: [Int]
    /// Making the network's input of the crop.
    public let inputNs: [Int]

    public init(picture: PixelSize, cropNs: [Int], inputNs: [Int]) {
        self.picture = [picture.height, picture.width]
        self.cropNs = cropNs
        self.inputNs = inputNs
    }
}

/// Why there are no figures.
public struct RunnerError: Error, Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable {
        case fileMissing = "file-missing"
        case fileDiffers = "file-differs"
        case runtimeMissing = "runtime-missing"
        case loadFailed = "load-failed"
        case operatorMissing = "operator-missing"
        case wrongShape = "wrong-shape"
        case runFailed = "run-failed"
    }

    private static let longestText = 4000

    public let kind: Kind
    /// In the runtime's own words, cut where the file ends them.
    public let text: String

    public init(kind: Kind, text: String) {
        self.kind = kind
        self.text = text.first(RunnerError.longestText)
    }
}

/// What ran the artifact.
public struct RunnerFacts: Codable, Equatable, Sendable {
    public let name: String
    public let version: String
    public let runtime: String
    @OrNull public var runtimeVersion: String?

    /// `version` is the app's own.
    public init(version: String, runtime: String, runtimeVersion: String?) {
        name = "app"
        self.version = version
        self.runtime = runtime
        _runtimeVersion = OrNull(wrappedValue: runtimeVersion)
    }
}

/// What the system says of its heat: nominal 0, fair 1, serious 3, critical 4. iOS foretells none.
public struct ThermalReading: Codable, Equatable, Sendable {
    @OrNull public var status: Int?
    @OrNull public var headroom: Double?

    public init(status: Int?) {
        _status = OrNull(wrappedValue: status)
        _headroom = OrNull(wrappedValue: nil)
    }
}

/// The logits for one golden photo.
public struct GoldenAnswer: Codable, Equatable, Sendable {
    public let index: Int
    /// Base64 of float32, little-endian: exact, and able to hold a NaN.
    public let logits: String

    public init(index: Int, logits: Logits) {
        self.index = index
        self.logits = GoldenLogits.base64(of: logits.values)
    }
}

extension Answer {
    /// The times and answers of a block that ran.
    public init(
        id: String,
        runner: RunnerFacts,
        loadNs: Int,
        firstNs: Int,
        iterationsNs: [Int],
        thermal: (before: ThermalReading, after: ThermalReading),
        memory: (before: Int?, peak: Int?),
        logits: [GoldenAnswer],
        preparation: PreparationTimes?
    ) {
        self.init(
            schemaVersion: preparation == nil ? Answer.plainVersion : Answer.schemaVersion,
            id: id,
            status: .ok,
            error: nil,
            runner: runner,
            loadNs: loadNs,
            firstNs: firstNs,
            iterationsNs: iterationsNs,
            thermalBefore: thermal.before,
            thermalAfter: thermal.after,
            memoryBeforeBytes: memory.before,
            memoryPeakBytes: memory.peak,
            logits: logits,
            preparation: preparation
        )
    }

    /// The answer of a block that has no figures, and why.
    public init(id: String, failure: RunnerError) {
        self.init(
            schemaVersion: Answer.plainVersion,
            id: id,
            status: .error,
            error: failure,
            runner: nil,
            loadNs: nil,
            firstNs: nil,
            iterationsNs: [],
            thermalBefore: nil,
            thermalAfter: nil,
            memoryBeforeBytes: nil,
            memoryPeakBytes: nil,
            logits: [],
            preparation: nil
        )
    }
}

extension RunnerError: LocalizedError {
    public var errorDescription: String? { text }
}

extension String {
    /// Its beginning, counted in code points as a file's limits are.
    func first(_ count: Int) -> String {
        String(UnicodeScalarView(unicodeScalars.prefix(count)))
    }
}
