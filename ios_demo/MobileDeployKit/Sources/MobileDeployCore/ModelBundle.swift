import Foundation

/// A bundle's folder, opened. Whatever it reads it checks against the manifest's hashes.
public struct ModelBundle: Identifiable, Equatable, Sendable {
    public let folder: URL
    /// The SHA-256 of manifest.json.
    public let id: String
    public let manifest: Manifest
    public let labels: [String]

    /// Throws `BundleProblem`.
    public init(opening folder: URL) throws {
        let data = try ModelBundle.read("manifest.json", in: folder)
        let manifest = try ManifestReader.read(data)
        let record = manifest.labels
        let text = try ModelBundle.read(record.file, in: folder, sha256: record.sha256)
        self.folder = folder
        id = SHA256.hex(of: data)
        self.manifest = manifest
        labels = try ModelBundle.labels(in: text, count: record.count)
    }

    public var name: String { folder.lastPathComponent }

    /// Such as "mobilenet_v2 0.75 224x224": what makes two bundles' networks comparable.
    public var network: String {
        let network = manifest.network
        let width = network.width.map { " " + String(format: "%g", $0) } ?? ""
        return "\(network.name)\(width) \(network.resolution[0])x\(network.resolution[1])"
    }

    /// Golden photo `index` as the network sees it. Throws `BundleProblem`.
    public func goldenCrop(_ index: Int) throws -> RGBImage {
        let (photo, size) = (manifest.golden.photos[index], manifest.preprocessing.crop)
        let data = try ModelBundle.read(photo.rgb, in: folder, sha256: photo.rgbSha256)
        guard data.count == size.height * size.width * RGBImage.channels else {
            throw BundleProblem.altered(photo.rgb)
        }
        return RGBImage(size: size, pixels: [UInt8](data))
    }

    /// The float network's logits of the golden photos. Throws `BundleProblem`.
    public func floatLogits() throws -> GoldenLogits {
        try logits(manifest.golden.logitsFloat.file, manifest.golden.logitsFloat.sha256)
    }

    /// Those of the artifact's own quantized program; nil for one in float, which has none.
    public func ownLogits(of artifact: Artifact) throws -> GoldenLogits? {
        guard let record = manifest.golden.logits.first(where: { $0.artifact == artifact.name })
        else { return nil }
        return try logits(record.file, record.sha256)
    }

    /// Where the artifact lies, once its hash agrees. Throws `BundleProblem`.
    public func checkedURL(of artifact: Artifact) throws -> URL {
        let url = folder.appendingPathComponent(artifact.file)
        let isFolder = artifact.format == .coreml
        guard let found = try? isFolder ? SHA256.hex(ofFolder: url) : SHA256.hex(ofFile: url) else {
            throw BundleProblem.missing(artifact.file)
        }
        guard found == artifact.sha256 else { throw BundleProblem.altered(artifact.file) }
        return url
    }

    private func logits(_ file: String, _ sha256: String) throws -> GoldenLogits {
        let data = try ModelBundle.read(file, in: folder, sha256: sha256)
        let (photos, classes) = (manifest.golden.count, manifest.network.classes)
        guard data.count == photos * classes * MemoryLayout<Float>.size else {
            throw BundleProblem.altered(file)
        }
        return GoldenLogits(littleEndian: data, classes: classes)
    }

    private static func read(_ file: String, in folder: URL, sha256: String? = nil) throws -> Data {
        guard let data = try? Data(contentsOf: folder.appendingPathComponent(file)) else {
            throw BundleProblem.missing(file)
        }
        if let sha256, SHA256.hex(of: data) != sha256 { throw BundleProblem.altered(file) }
        return data
    }

    private static func labels(in data: Data, count: Int) throws -> [String] {
        var lines = String(decoding: data, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        if lines.last == "" { lines.removeLast() }
        guard lines.count == count, Set(lines).count == count, !lines.contains("") else {
            throw BundleProblem.malformed("labels")
        }
        return lines
    }
}

extension ModelBundle {
    /// Every bundle in `folder` by its name, in order: opened, or what is wrong with it.
    public static func all(in folder: URL) -> [(name: String, bundle: Result<ModelBundle, Error>)] {
        all(in: [folder])
    }

    /// The same of several folders; a bundle hides one of its name in a later folder.
    public static func all(
        in folders: [URL]
    ) -> [(name: String, bundle: Result<ModelBundle, Error>)] {
        var places: [String: URL] = [:]
        for folder in folders {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
            for name in names where !name.hasPrefix(".") && places[name] == nil {
                places[name] = folder.appendingPathComponent(name)
            }
        }
        return places.sorted { $0.key < $1.key }.map { name, place in
            (name, Result { try ModelBundle(opening: place) })
        }
    }
}
