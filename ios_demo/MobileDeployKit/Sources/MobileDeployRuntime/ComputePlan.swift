#if canImport(CoreML)
import CoreML
import Foundation
import MobileDeployCore

/// Where Core ML means to run a network's operators: its forecast, not a trace.
@available(iOS 17.4, macOS 14.4, *)
public struct ComputePlan: Equatable, Sendable {
    /// Operators by unit, such as "Neural Engine". Constants run nowhere, and are not counted.
    public let operators: [String: Int]

    /// `compiled` is an .mlmodelc, see `CompiledModels`.
    public init(compiled: URL, units: ComputeUnits) async throws {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = MLComputeUnits(units)
        let plan = try await MLComputePlan.load(contentsOf: compiled, configuration: configuration)
        var counts: [String: Int] = [:]
        if case .program(let program) = plan.modelStructure {
            for function in program.functions.values {
                ComputePlan.count(function.block, in: plan, into: &counts)
            }
        }
        operators = counts
    }

    private static func count(
        _ block: MLModelStructure.Program.Block, in plan: MLComputePlan,
        into counts: inout [String: Int]
    ) {
        for operation in block.operations {
            if let usage = plan.deviceUsage(for: operation) {
                counts[name(of: usage.preferred), default: 0] += 1
            }
            for nested in operation.blocks {
                count(nested, in: plan, into: &counts)
            }
        }
    }

    private static func name(of device: MLComputeDevice) -> String {
        switch device {
        case .cpu: return "CPU"
        case .gpu: return "GPU"
        case .neuralEngine: return "Neural Engine"
        @unknown default: return "another unit"
        }
    }
}
#endif
