import Foundation
import MobileDeployCore
import MobileDeployRuntime

/// A device whose clock moves when it is told to, shared by all that reads it.
final class FakeDevice: Surroundings, @unchecked Sendable {
    private let lock = NSLock()
    private var nanoseconds: UInt64 = 1
    private var heat: [Int?] = [0]
    private var jitter: UInt64 = 0

    var stopwatch: Stopwatch { Stopwatch { self.locked { $0.nanoseconds } } }

    /// What the next looks at the heat see; the last one stays.
    func setHeat(_ statuses: [Int?]) {
        locked { $0.heat = statuses }
    }

    func pass(seconds: Double) {
        locked { $0.nanoseconds += UInt64(seconds * 1e9) }
    }

    /// An inference of about that long: a few microseconds more each time, then less again.
    func infer(nanoseconds: UInt64) {
        locked { device in
            device.jitter = (device.jitter + 3) % 7
            device.nanoseconds += nanoseconds + device.jitter * 2_000
        }
    }

    func conditions(at seconds: Double) async -> Conditions {
        let status = locked { device -> Int? in
            device.heat.count > 1 ? device.heat.removeFirst() : device.heat[0]
        }
        return Conditions(
            atS: seconds, thermalStatus: status, batteryLevel: 0.8, charging: false, active: true,
            powerSave: false)
    }

    func thermalStatus() -> Int? {
        locked { $0.heat[0] }
    }

    func footprint() -> Int? {
        50_000_000
    }

    private func locked<Value>(_ work: (FakeDevice) -> Value) -> Value {
        lock.lock()
        defer { lock.unlock() }
        return work(self)
    }
}

/// Answers with the bundle's own golden logits; as Core ML with what a softmax leaves of them,
/// which is all but a constant.
final class FakeClassifier: Classifier {
    let runtime: RuntimeName
    private let device: FakeDevice
    private let bundle: ModelBundle
    private let nanoseconds: UInt64
    private let shift: Float
    private var crop: RGBImage?

    init(_ arm: Arm, on device: FakeDevice) {
        self.device = device
        bundle = arm.bundle
        let isPackage = arm.artifact.format == .coreml
        runtime =
            isPackage
            ? RuntimeName("Core ML", version: "17.5.0")
            : RuntimeName("ExecuTorch", version: "1.4.1")
        shift = isPackage ? 3 : 0
        nanoseconds = arm.units == .all ? 500_000 : 2_000_000
        device.pass(seconds: 0.02)
    }

    func prepare(_ crop: RGBImage) throws {
        self.crop = crop
        device.pass(seconds: 1e-6)
    }

    func run() throws {
        device.infer(nanoseconds: nanoseconds)
    }

    func logits() throws -> Logits {
        for (index, row) in try bundle.floatLogits().rows.enumerated()
        where try bundle.goldenCrop(index) == crop {
            return Logits(row.values.map { $0 - shift })
        }
        throw RunnerError(kind: .runFailed, text: "an unknown crop")
    }
}
