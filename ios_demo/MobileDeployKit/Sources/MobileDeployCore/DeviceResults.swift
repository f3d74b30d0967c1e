/// What an iPhone or iPad is. Unknown is null.
public struct DeviceFacts: Codable, Equatable, Sendable {
    public let kind: String
    /// A simulator: nothing measured on it is of a real device.
    public let virtual: Bool
    public let id: String
    @OrNull public var serial: String?
    public let connection: String
    @OrNull public var manufacturer: String?
    public let model: String
    @OrNull public var soc: String?
    public let os: String
    @OrNull public var api: Int?
    @OrNull public var build: String?
    public let abi: String
    @OrNull public var ramBytes: Int?
    public let clusters: [String]

    /// `model` such as iPhone15,2, `os` such as iOS 17.5, `build` such as 21F79.
    public init(
        virtual: Bool, id: String, model: String, os: String, build: String?, abi: String,
        ramBytes: Int?
    ) {
        kind = "ios"
        self.virtual = virtual
        self.id = id
        _serial = OrNull(wrappedValue: nil)
        connection = "local"
        _manufacturer = OrNull(wrappedValue: "Apple")
        self.model = model
        _soc = OrNull(wrappedValue: nil)
        self.os = os
        _api = OrNull(wrappedValue: nil)
        _build = OrNull(wrappedValue: build)
        self.abi = abi
        _ramBytes = OrNull(wrappedValue: ramBytes)
        // iOS does not tell an app its cores' clocks.
        clusters = []
    }
}

/// What the app saw around a block. Unknown is null or empty.
public struct Conditions: Codable, Equatable, Sendable {
    public let atS: Double
    @OrNull public var thermalStatus: Int?
    public let temperatures: [String]
    @OrNull public var batteryCelsius: Double?
    @OrNull public var batteryLevel: Double?
    @OrNull public var charging: Bool?
    @OrNull public var screenOn: Bool?
    @OrNull public var locked: Bool?
    @OrNull public var powerSave: Bool?
    @OrNull public var busy: Double?
    public let clocks: [String]

    /// `atS`: seconds since the session began. `batteryLevel` is a share.
    public init(
        atS: Double, thermalStatus: Int?, batteryLevel: Double?, charging: Bool?, active: Bool?,
        powerSave: Bool?
    ) {
        self.atS = atS
        _thermalStatus = OrNull(wrappedValue: thermalStatus)
        temperatures = []
        _batteryCelsius = OrNull(wrappedValue: nil)
        _batteryLevel = OrNull(wrappedValue: batteryLevel)
        _charging = OrNull(wrappedValue: charging)
        _screenOn = OrNull(wrappedValue: active)
        _locked = OrNull(wrappedValue: active.map { !$0 })
        _powerSave = OrNull(wrappedValue: powerSave)
        _busy = OrNull(wrappedValue: nil)
        clocks = []
    }
}

/// Why a block or a device gave nothing.
public struct Failure: Codable, Equatable, Sendable {
    private static let longestLine = 1000

    public let kind: String
    public let text: String

    public init(_ error: RunnerError) {
        kind = error.kind.rawValue
        // A line of the file holds no control characters.
        let plain = error.text.unicodeScalars.map {
            $0.properties.generalCategory == .control ? " " : Character($0)
        }
        text = ("the app says " + String(plain)).first(Failure.longestLine)
    }
}

/// One load of one arm.
public struct Block: Codable, Equatable, Sendable {
    public let round: Int
    public let order: Int
    @OrNull public var threadsSeen: Int?
    @OrNull public var coresSeen: String?
    public let waitedS: Double
    @OrNull public var cooled: Bool?
    public let before: Conditions
    @OrNull public var after: Conditions?
    @OrNull public var answer: Answer?
    @OrNull public var failure: Failure?

    public init(
        round: Int, order: Int, waitedS: Double, cooled: Bool?, before: Conditions,
        after: Conditions, answer: Answer
    ) {
        self.round = round
        self.order = order
        _threadsSeen = OrNull(wrappedValue: nil)
        _coresSeen = OrNull(wrappedValue: nil)
        self.waitedS = waitedS
        _cooled = OrNull(wrappedValue: cooled)
        self.before = before
        _after = OrNull(wrappedValue: after)
        _answer = OrNull(wrappedValue: answer)
        _failure = OrNull(wrappedValue: answer.error.map(Failure.init))
    }
}

public struct MeasuredArm: Codable, Equatable, Sendable {
    public let key: ArmKey
    public let bundle: String
    public let artifact: String
    @OrNull public var pushNs: Int?
    public let blocks: [Block]

    public init(key: ArmKey, bundle: String, artifact: String, blocks: [Block]) {
        self.key = key
        self.bundle = bundle
        self.artifact = artifact
        _pushNs = OrNull(wrappedValue: nil)
        self.blocks = blocks
    }
}

public struct MeasuredDevice: Codable, Equatable, Sendable {
    public let device: DeviceFacts
    public let arms: [MeasuredArm]
    public let warnings: [String]
    @OrNull public var failure: Failure?
    public let interrupted: Bool

    public init(device: DeviceFacts, arms: [MeasuredArm], warnings: [String], interrupted: Bool) {
        self.device = device
        self.arms = arms
        self.warnings = warnings
        _failure = OrNull(wrappedValue: nil)
        self.interrupted = interrupted
    }
}
