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

    /// In the app's folder for what it can make again, of which there are no backups.
    public static func standard() throws -> CompiledModels {
        let caches = try FileManager.default.url(
            for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        return CompiledModels(folder: caches.appendingPathComponent("CompiledModels"))
    }

    /// The artifact's .mlmodelc, compiled now unless it is there. Throws `BundleProblem` where the
    /// package is not what the manifest says, `RunnerError` where Core ML refuses it.
    public func url(for artifact: Artifact, in bundle: ModelBundle) async throws -> URL {
        let target = folder.appendingPathComponent("\(artifact.sha256).mlmodelc")
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
}
#endif
