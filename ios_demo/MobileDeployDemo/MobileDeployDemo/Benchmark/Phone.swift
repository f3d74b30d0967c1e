import Foundation
import MobileDeployCore
import MobileDeployRuntime
import UIKit

/// This phone, as a measurement sees it.
struct Phone: Surroundings {
    func conditions(at seconds: Double) async -> Conditions {
        await MainActor.run {
            let device = UIDevice.current
            let isCharging = device.batteryState == .charging || device.batteryState == .full
            return Conditions(
                atS: seconds,
                thermalStatus: thermalStatus(),
                batteryLevel: device.batteryLevel < 0 ? nil : Double(device.batteryLevel),
                charging: device.batteryState == .unknown ? nil : isCharging,
                active: UIApplication.shared.applicationState == .active,
                powerSave: ProcessInfo.processInfo.isLowPowerModeEnabled
            )
        }
    }

    func thermalStatus() -> Int? {
        switch ProcessInfo.processInfo.thermalState {
        case .nominal: return 0
        case .fair: return 1
        case .serious: return 3
        case .critical: return 4
        @unknown default: return nil
        }
    }

    func footprint() -> Int? {
        var info = task_vm_info_data_t()
        var count = mach_msg_type_number_t(
            MemoryLayout<task_vm_info_data_t>.size / MemoryLayout<integer_t>.size)
        let status = withUnsafeMutablePointer(to: &info) { pointer in
            pointer.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
                task_info(mach_task_self_, task_flavor_t(TASK_VM_INFO), $0, &count)
            }
        }
        return status == KERN_SUCCESS ? Int(info.phys_footprint) : nil
    }
}

extension Phone {
    @MainActor
    static func facts() -> DeviceFacts {
        let device = UIDevice.current
        return DeviceFacts(
            virtual: isSimulator,
            id: device.identifierForVendor?.uuidString ?? "unknown",
            model: model,
            os: "\(device.systemName) \(device.systemVersion)",
            build: text("kern.osversion"),
            abi: abi,
            ramBytes: Int(ProcessInfo.processInfo.physicalMemory)
        )
    }

    /// Such as iPhone15,2.
    static var model: String {
        let simulated = ProcessInfo.processInfo.environment["SIMULATOR_MODEL_IDENTIFIER"]
        return simulated ?? text("hw.machine") ?? "unknown"
    }

    private static var isSimulator: Bool {
        #if targetEnvironment(simulator)
        return true
        #else
        return false
        #endif
    }

    private static var abi: String {
        #if arch(arm64)
        return "arm64"
        #else
        return "x86_64"
        #endif
    }

    private static func text(_ name: String) -> String? {
        var size = 0
        guard sysctlbyname(name, nil, &size, nil, 0) == 0, size > 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return nil }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
