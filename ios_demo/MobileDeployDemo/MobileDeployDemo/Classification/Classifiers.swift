import Foundation
import MobileDeployCore
import MobileDeployRuntime

/// From an arm to a classifier, whatever its runtime: a row for each format that the app runs.
enum Classifiers {
    static let available: AvailableRuntimes = {
        let system = ProcessInfo.processInfo.operatingSystemVersion
        return AvailableRuntimes([
            "ExecuTorch": ExecuTorchClassifier.version,
            "iOS": "\(system.majorVersion).\(system.minorVersion).\(system.patchVersion)",
        ])
    }()

    /// The file to load, checked against the manifest and, for Core ML, compiled. It may take long.
    static func file(for arm: Arm) async throws -> URL {
        switch arm.artifact.format {
        case .coreml:
            return try await CompiledModels.standard().url(for: arm.artifact, in: arm.bundle)
        case .executorch:
            return try arm.bundle.checkedURL(of: arm.artifact)
        case .onnx:
            throw unsupported
        }
    }

    /// Load what `file(for:)` gave. Blocks: not for the main thread.
    static func open(_ arm: Arm, file: URL) throws -> any Classifier {
        let (bundle, artifact) = (arm.bundle, arm.artifact)
        switch artifact.format {
        case .coreml:
            return try CoreMLClassifier(
                compiled: file, artifact: artifact, labels: bundle.labels, units: arm.units ?? .all)
        case .executorch:
            return try ExecuTorchClassifier(
                file: file, artifact: artifact, preprocessing: bundle.manifest.preprocessing,
                classes: bundle.labels.count)
        case .onnx:
            throw unsupported
        }
    }

    private static let unsupported = RunnerError(
        kind: .runtimeMissing, text: "this app has no ONNX Runtime")
}
