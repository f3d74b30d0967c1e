import Foundation

/// Takes bundles out of packs into a folder, as much of each as an app of these formats reads.
///
/// Every size is compared with the manifest's before anything is written, every hash once it is. A
/// bundle is written beside its place and renamed: there is all of it or nothing.
public struct BundleImport: Sendable {
    private static let mostBytes = 16 << 20
    private static let part = ".part"
    private static let old = ".old"

    private let folder: URL
    private let formats: Set<Artifact.Format>

    public init(folder: URL, formats: Set<Artifact.Format>) {
        self.folder = folder
        self.formats = formats
    }

    /// Put the bundle of the pack `file` in place of one of that name; returns it opened.
    ///
    /// Throws `PackProblem` for what is refused, the system's errors where it cannot be read or
    /// written.
    public func take(_ file: URL) throws -> ModelBundle {
        let pack = try Pack(Data(contentsOf: file, options: .mappedIfSafe))
        let manager = FileManager.default
        try manager.createDirectory(at: folder, withIntermediateDirectories: true)
        try sweep()
        let manifest = try self.manifest(of: pack)
        try check(manifest, pack.sizes)
        let place = folder.appendingPathComponent(".\(pack.bundle)\(BundleImport.part)")
        defer { try? manager.removeItem(at: place) }
        try write(pack, manifest, to: place)
        try prove(place)
        try replace(place, named: pack.bundle)
        return try ModelBundle(opening: folder.appendingPathComponent(pack.bundle))
    }

    /// Remove the bundle of that name, if it is there.
    public func remove(_ name: String) throws {
        let manager = FileManager.default
        guard PackName.isBundle(name) else { return }
        let there = folder.appendingPathComponent(name)
        guard manager.fileExists(atPath: there.path) else { return }
        // Hidden first: half of a bundle must never be opened.
        let hidden = folder.appendingPathComponent(".\(name)\(BundleImport.part)")
        try? manager.removeItem(at: hidden)
        try manager.moveItem(at: there, to: hidden)
        try manager.removeItem(at: hidden)
    }

    /// Put right what an import left that was ended halfway.
    public func sweep() throws {
        let manager = FileManager.default
        let names = (try? manager.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where name.hasPrefix(".") {
            let left = folder.appendingPathComponent(name)
            let place = folder.appendingPathComponent(
                String(name.dropFirst().dropLast(BundleImport.old.count)))
            if name.hasSuffix(BundleImport.old), !manager.fileExists(atPath: place.path) {
                try manager.moveItem(at: left, to: place)
            } else {
                try manager.removeItem(at: left)
            }
        }
    }

    private func manifest(of pack: Pack) throws -> Manifest {
        guard let data = pack.bytes(of: "manifest.json"), data.count <= BundleImport.mostBytes
        else { throw PackProblem(.size, "manifest.json is far too large") }
        do {
            return try ManifestReader.read(Data(data))
        } catch BundleProblem.newerSchema(let version) {
            throw PackProblem(
                .schema,
                "it was made by a newer mobile-deploy than this app knows (schema \(version))")
        } catch {
            throw PackProblem(.manifest, BundleImport.line(error))
        }
    }

    private func artifacts(of manifest: Manifest) -> [Artifact] {
        manifest.artifacts.filter { formats.contains($0.format) }
    }

    /// The plain files that the app reads, each with its hash and its size in bytes, which is nil
    /// where the manifest tells none.
    private func files(of manifest: Manifest) -> [(file: String, sha256: String, bytes: Int?)] {
        let (golden, crop) = (manifest.golden, manifest.preprocessing.crop)
        let own = Set(artifacts(of: manifest).map(\.name))
        let pixels = crop.height * crop.width * RGBImage.channels
        let logits = golden.count * manifest.network.classes * MemoryLayout<Float>.size
        return artifacts(of: manifest)
            .filter { $0.format != .coreml }
            .map { (file: $0.file, sha256: $0.sha256, bytes: $0.bytes) }
            + golden.photos.map { (file: $0.rgb, sha256: $0.rgbSha256, bytes: pixels) }
            + golden.logits.filter { own.contains($0.artifact) }
            .map { (file: $0.file, sha256: $0.sha256, bytes: logits) }
            + [
                (file: golden.logitsFloat.file, sha256: golden.logitsFloat.sha256, bytes: logits),
                (file: manifest.labels.file, sha256: manifest.labels.sha256, bytes: nil),
            ]
    }

    private func packages(of manifest: Manifest) -> [Artifact] {
        artifacts(of: manifest).filter { $0.format == .coreml }
    }

    private func check(_ manifest: Manifest, _ sizes: [String: Int]) throws {
        for (file, _, bytes) in files(of: manifest) {
            guard let size = sizes[file] else { throw PackProblem(.missing, "\(file) is missing") }
            let limit = BundleImport.mostBytes
            if bytes.map({ size != $0 }) ?? (size > limit) {
                let said = bytes.map(String.init) ?? "at most \(limit)"
                throw PackProblem(.size, "\(file) has \(size) bytes, not \(said)")
            }
        }
        for package in packages(of: manifest) {
            let inside = sizes.filter { $0.key.hasPrefix("\(package.file)/") }
            guard !inside.isEmpty else {
                throw PackProblem(.missing, "\(package.file) is missing")
            }
            let size = inside.values.reduce(0, +)
            guard size == package.bytes else {
                throw PackProblem(
                    .size, "\(package.file) has \(size) bytes, not \(package.bytes)")
            }
        }
    }

    private func write(_ pack: Pack, _ manifest: Manifest, to place: URL) throws {
        try write(pack, "manifest.json", to: place)
        for (file, sha256, _) in files(of: manifest) {
            try write(pack, file, to: place)
            guard try SHA256.hex(ofFile: place.appendingPathComponent(file)) == sha256 else {
                throw PackProblem(.hash, "\(file) has another SHA-256")
            }
        }
        for package in packages(of: manifest) {
            for file in pack.sizes.keys where file.hasPrefix("\(package.file)/") {
                try write(pack, file, to: place)
            }
            let folder = place.appendingPathComponent(package.file)
            guard try SHA256.hex(ofFolder: folder) == package.sha256 else {
                throw PackProblem(.hash, "\(package.file) has another SHA-256")
            }
        }
    }

    private func write(_ pack: Pack, _ file: String, to place: URL) throws {
        let target = place.appendingPathComponent(file)
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        guard let data = pack.bytes(of: file) else {
            throw PackProblem(.missing, "\(file) is missing")
        }
        try data.write(to: target)
    }

    /// What sizes and hashes do not tell: that the labels are as many as the classes.
    private func prove(_ place: URL) throws {
        do {
            _ = try ModelBundle(opening: place)
        } catch {
            throw PackProblem(.manifest, BundleImport.line(error))
        }
    }

    private func replace(_ place: URL, named name: String) throws {
        let manager = FileManager.default
        let target = folder.appendingPathComponent(name)
        let old = folder.appendingPathComponent(".\(name)\(BundleImport.old)")
        let isThere = manager.fileExists(atPath: target.path)
        if isThere { try manager.moveItem(at: target, to: old) }
        do {
            try manager.moveItem(at: place, to: target)
        } catch {
            if isThere { try manager.moveItem(at: old, to: target) }
            throw error
        }
        if isThere { try manager.removeItem(at: old) }
    }

    /// Without its full stop: it becomes part of a sentence. What a stranger's manifest says in it
    /// acts on no screen.
    private static func line(_ error: any Error) -> String {
        let text = error.localizedDescription
        return PackName.shown(text.hasSuffix(".") ? String(text.dropLast()) : text)
    }
}
