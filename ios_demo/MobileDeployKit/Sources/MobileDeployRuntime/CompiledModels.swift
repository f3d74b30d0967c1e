#if canImport(CoreML)
import CoreML
import Foundation
import MobileDeployCore

/// Packages compiled for this device, kept from one start of the app to the next.
///
/// Core ML prepares a network for the Neural Engine at its first load, which takes seconds, and
/// remembers that by the path of the .mlmodelc. So each lies where its hash says, and stays there.
public struct CompiledModels: Sendable {
    private let folder: URL

    public init(folder: URL) {
        self.folder = folder
    }

    /// Where the system does not clear up as it does in Caches. Backups leave it out, since it can
    /// be made again.
    public static func standard() throws -> CompiledModels {
        let support = try FileManager.default.url(
            for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil,
            create: true)
        var folder = support.appendingPathComponent("CompiledModels")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try folder.setResourceValues(values)
        return CompiledModels(folder: folder)
    }

    /// Remove what was compiled of packages other than `artifacts`.
    public func keepOnly(_ artifacts: [Artifact]) throws {
        let kept = Set(artifacts.map { url(for: $0).lastPathComponent })
        let manager = FileManager.default
        for name in try manager.contentsOfDirectory(atPath: folder.path)
        where name.hasSuffix(".mlmodelc") && !kept.contains(name) {
            try manager.removeItem(at: folder.appendingPathComponent(name))
        }
    }

    /// The artifact's .mlmodelc, compiled now unless it is there. Throws `BundleProblem` where the
    /// package is not what the manifest says, `RunnerError` where Core ML refuses it.
    public func url(for artifact: Artifact, in bundle: ModelBundle) async throws -> URL {
        let target = url(for: artifact)
        let manager = FileManager.default
        if manager.fileExists(atPath: target.path) { return target }
        let package = try bundle.checkedURL(of: artifact)
        do {
            let compiled = try await MLModel.compileModel(at: package)
            try manager.createDirectory(at: folder, withIntermediateDirectories: true)
            try manager.moveItem(at: compiled, to: target)
        } catch {
            // Another task may have been quicker.
            if manager.fileExists(atPath: target.path) { return target }
            throw RunnerError(kind: .loadFailed, text: error.localizedDescription)
        }
        return target
    }

    private func url(for artifact: Artifact) -> URL {
        folder.appendingPathComponent("\(artifact.sha256).mlmodelc")
    }
}
#endif
