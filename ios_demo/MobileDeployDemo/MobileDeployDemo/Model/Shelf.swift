import Foundation
import MobileDeployCore

/// The bundles that the app was built with, and those that were imported, which come first.
enum Shelf {
    /// What the app has runtimes for.
    static let formats: Set<Artifact.Format> = [.coreml, .executorch]

    static func found() -> [(name: String, bundle: Result<ModelBundle, any Error>)] {
        let built = Bundle.main.resourceURL?.appendingPathComponent("Bundles")
        let imported = try? folder()
        return ModelBundle.all(in: [imported, built].compactMap { $0 })
    }

    /// Verify a file of `mobile-deploy pack` and put its bundle on the shelf. Throws `PackProblem`
    /// and the system's errors.
    static func take(_ file: URL) async throws -> ModelBundle {
        // What lies in the folders of other apps is opened for us for so long.
        let isScoped = file.startAccessingSecurityScopedResource()
        defer { if isScoped { file.stopAccessingSecurityScopedResource() } }
        return try imports().take(file)
    }

    static func sweep() throws {
        try imports().sweep()
    }

    static func remove(_ bundle: ModelBundle) throws {
        try imports().remove(bundle.name)
    }

    static func isImported(_ bundle: ModelBundle) -> Bool {
        bundle.folder.deletingLastPathComponent().standardizedFileURL
            == (try? folder())?.standardizedFileURL
    }

    private static func imports() throws -> BundleImport {
        BundleImport(folder: try folder(), formats: formats)
    }

    /// Backups leave it out: whoever made the bundles can send them again.
    private static func folder() throws -> URL {
        let support = try FileManager.default.url(
            for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil,
            create: true)
        var folder = support.appendingPathComponent("Bundles")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try folder.setResourceValues(values)
        return folder
    }
}
