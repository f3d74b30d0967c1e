import Foundation

/// Why a bundle cannot be used, in a line for whoever put it into the app.
public enum BundleProblem: Error, Equatable {
    case newerSchema(Int)
    case malformed(String)
    case missing(String)
    case altered(String)
}

extension BundleProblem: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .newerSchema(let version):
            "The bundle is of schema \(version), this app reads \(ManifestReader.schemaVersion): "
                + "take a newer app."
        case .malformed(let what):
            "manifest.json is wrong at \(what): build the bundle again."
        case .missing(let file):
            "\(file) is missing: stage the bundle again."
        case .altered(let file):
            "\(file) is not what the manifest says: stage the bundle again."
        }
    }
}

/// From the bytes of a manifest.json, which anyone may have written, to a `Manifest`.
public enum ManifestReader {
    public static let schemaVersion = 2
    private static let pixelsVersion = 2
    private static let mostBytes = 16 << 20
    /// What a double holds exactly, and so every reader.
    private static let mostCount = (1 << 53) - 1
    private static let longestSide = 65536
    private static let mostClasses = 1_000_000

    /// Throws `BundleProblem.newerSchema` before anything else is looked at, then `.malformed`
    /// with the field that is wrong.
    public static func read(_ data: Data) throws -> Manifest {
        guard data.count <= mostBytes else { throw BundleProblem.malformed("its size") }
        // Foundation's decoder ends the process at a key that is no text. Its other
        // reader does not.
        guard String(data: data, encoding: .utf8) != nil,
            (try? JSONSerialization.jsonObject(with: data)) != nil
        else { throw BundleProblem.malformed("the whole") }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            let version = try decoder.decode(Version.self, from: data).schemaVersion
            guard version <= schemaVersion else { throw BundleProblem.newerSchema(version) }
            let manifest = try decoder.decode(Manifest.self, from: data)
            try check(manifest)
            return manifest
        } catch let error as DecodingError {
            throw BundleProblem.malformed(place(of: error))
        }
    }

    private struct Version: Decodable {
        let schemaVersion: Int
    }

    private static func place(of error: DecodingError) -> String {
        let context: DecodingError.Context
        var path: [CodingKey] = []
        switch error {
        case .keyNotFound(let key, let found): (context, path) = (found, [key])
        case .typeMismatch(_, let found): context = found
        case .valueNotFound(_, let found): context = found
        case .dataCorrupted(let found): context = found
        @unknown default: return "a field"
        }
        path = context.codingPath + path
        return path.isEmpty ? "the whole" : path.map(\.stringValue).joined(separator: ".")
    }

    private static func check(_ manifest: Manifest) throws {
        try require(manifest.schemaVersion >= 1, "schema_version")
        try require(manifest.tool.name == "mobile-deploy", "tool.name")
        try check(manifest.network)
        try check(manifest.input)
        try require(manifest.network.resolution == manifest.input.crop, "network.resolution")
        try require(manifest.labels.count == manifest.network.classes, "labels.count")
        try check(manifest.artifacts)
        let takesPixels = manifest.artifacts.contains { $0.input.pixels != nil }
        try require(!takesPixels || manifest.schemaVersion >= pixelsVersion, "schema_version")
        try check(manifest.golden, of: manifest.artifacts)
        let files = self.files(of: manifest)
        for (file, sha256) in files {
            try require(isPlainPath(file), "the path \(file)")
            try require(isSHA256(sha256), "the SHA-256 of \(file)")
        }
        // The file system of an iPhone may not tell A from a.
        try require(isDistinct(files.map { $0.file.lowercased() }), "a file that is there twice")
    }

    private static func check(_ network: Manifest.Network) throws {
        try require(isLine(network.name), "network.name")
        try require((1...mostClasses).contains(network.classes), "network.classes")
        try require(network.width.map { $0 > 0 && $0.isFinite } ?? true, "network.width")
        try require((0...mostCount).contains(network.params), "network.params")
        try require((0...mostCount).contains(network.macs), "network.macs")
    }

    private static func check(_ input: Manifest.Input) throws {
        let finite = (input.mean + input.std).allSatisfy(\.isFinite)
        try require(input.dtype == "float32", "input.dtype")
        try require(input.layout == "NCHW", "input.layout")
        try require(input.colourOrder == "RGB", "input.colour_order")
        try require(input.resizeFilter == "bilinear", "input.resize_filter")
        try require(isSize(input.resize), "input.resize")
        try require(isSize(input.crop), "input.crop")
        try require(zip(input.crop, input.resize).allSatisfy { $0 <= $1 }, "input.crop")
        try require(input.shape == [1, RGBImage.channels] + input.crop, "input.shape")
        try require(input.scale > 0 && input.scale.isFinite, "input.scale")
        try require(input.mean.count == RGBImage.channels && finite, "input.mean")
        try require(
            input.std.count == RGBImage.channels && input.std.allSatisfy { $0 > 0 }, "input.std")
    }

    private static func check(_ artifacts: [Artifact]) throws {
        let backends: [Artifact.Format: String] = [
            .executorch: "xnnpack", .onnx: "onnxruntime-cpu", .coreml: "coreml",
        ]
        try require(!artifacts.isEmpty, "artifacts")
        try require(isDistinct(artifacts.map { $0.name.lowercased() }), "artifacts.name")
        for artifact in artifacts {
            let name = artifact.name
            try require(isPlainPath(name) && !name.contains("/"), "artifacts.name")
            try require(backends[artifact.format] == artifact.backend, "\(name).backend")
            try require((1...mostCount).contains(artifact.bytes), "\(name).bytes")
            try require(isLine(artifact.runtime.name), "\(name).runtime.name")
            try require(isLine(artifact.runtime.version), "\(name).runtime.version")
            try require(artifact.input.shape.allSatisfy { $0 >= 1 }, "\(name).input.shape")
            try check(artifact.input, of: name)
            try require(artifact.output.shape.allSatisfy { $0 >= 1 }, "\(name).output.shape")
            let explained = artifact.unverifiedReason != nil
            try require(artifact.verified != explained, "\(name).unverified_reason")
            let agreement = artifact.measured?.agreement ?? 0
            try require((0...1).contains(agreement), "\(name).measured.agreement")
        }
    }

    private static func check(_ input: Artifact.Input, of name: String) throws {
        let isPixels = input.kind == .pixels
        try require(isPixels == (input.pixels != nil), "\(name).input.pixels")
        guard let pixels = input.pixels else { return }
        let channels = [input.shape.last, input.shape.dropFirst().first]
        try require(input.shape.count == 4 && channels.contains(4), "\(name).input.shape")
        try require(pixels.memory == "NHWC", "\(name).input.pixels.memory")
        try require(pixels.channelOrder == "RGBA", "\(name).input.pixels.channel_order")
        try require(pixels.alpha == 255, "\(name).input.pixels.alpha")
        let zero = pixels.dtype == .int8 ? -128 : 0
        try require(pixels.zero == zero, "\(name).input.pixels.zero")
    }

    private static func check(_ golden: Manifest.Golden, of artifacts: [Artifact]) throws {
        let quantized = artifacts.filter(\.precision.isQuantized).map(\.name)
        try require(golden.count == golden.photos.count && golden.count >= 1, "golden.count")
        try require(golden.logits.map(\.artifact).sorted() == quantized.sorted(), "golden.logits")
    }

    private static func files(of manifest: Manifest) -> [(file: String, sha256: String)] {
        let golden = manifest.golden
        let crops = golden.photos.map { (file: $0.rgb, sha256: $0.rgbSha256) }
        return crops
            + golden.photos.map { (file: $0.png, sha256: $0.pngSha256) }
            + golden.logits.map { (file: $0.file, sha256: $0.sha256) }
            + manifest.artifacts.map { (file: $0.file, sha256: $0.sha256) }
            + [
                (file: golden.logitsFloat.file, sha256: golden.logitsFloat.sha256),
                (file: manifest.labels.file, sha256: manifest.labels.sha256),
            ]
    }

    private static func isSize(_ sides: [Int]) -> Bool {
        sides.count == 2 && sides.allSatisfy { (1...longestSide).contains($0) }
    }

    /// Whether `text` is a relative path in plain ASCII of which no part begins with a dot or dash.
    private static func isPlainPath(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 255
            && parts.allSatisfy { part in
                !part.isEmpty && part.first != "." && part.first != "-"
                    && part.utf8.allSatisfy(isPlain)
            }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Whether it is text without control characters: it is shown, and written into results.
    private static func isLine(_ text: String) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value)
            }
    }

    private static func isSHA256(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    private static func isDistinct(_ names: [String]) -> Bool {
        Set(names).count == names.count
    }

    private static func require(_ holds: Bool, _ field: String) throws {
        if !holds { throw BundleProblem.malformed(field) }
    }
}
