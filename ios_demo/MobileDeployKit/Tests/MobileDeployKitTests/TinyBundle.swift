import Foundation
import MobileDeployCore

/// A bundle of three classes and eight golden photos, 4 pixels wide, whose artifacts are no
/// networks. The same bytes every time and on every system: a stored export names their hash.
enum TinyBundle {
    static let photos = 8
    static let labels = ["cat", "dog", "zèbre"]
    private static let side = 4
    private static let absent = String(repeating: "0", count: 64)

    /// What the network says of golden photo `index`, in float and in int8.
    static func logits(_ index: Int) -> Logits {
        var values: [Float] = [-1.5, -0.25 * Float(index)]
        values.insert(2.75, at: index % labels.count)
        return Logits(values)
    }

    static func crop(_ index: Int) -> RGBImage {
        let count = side * side * RGBImage.channels
        let pixels = (0..<count).map { UInt8(($0 * 7 + index * 31) % 256) }
        return RGBImage(size: PixelSize(height: side, width: side), pixels: pixels)
    }

    /// Written into `folder`, and opened.
    static func make(in folder: URL) throws -> ModelBundle {
        try write(to: folder)
        return try ModelBundle(opening: folder)
    }

    static func write(to folder: URL) throws {
        let manager = FileManager.default
        for inner in ["golden", "tiny_fp16.mlpackage"] {
            try manager.createDirectory(
                at: folder.appendingPathComponent(inner), withIntermediateDirectories: true)
        }
        /// The file's path and hash, as the manifest has them.
        func put(_ file: String, _ data: Data, path: String = "file", hash: String = "sha256")
            throws
            -> String
        {
            try data.write(to: folder.appendingPathComponent(file))
            return "\"\(path)\": \"\(file)\", \"\(hash)\": \"\(SHA256.hex(of: data))\""
        }
        let golden = try (0..<photos).map { index in
            // The photo itself stays behind when a bundle is put into the app.
            let png = "\"png\": \"golden/\(index).png\", \"png_sha256\": \"\(absent)\""
            let rgb = try put(
                "golden/\(index).rgb", Data(crop(index).pixels), path: "rgb", hash: "rgb_sha256")
            return "{\(png), \(rgb), \"credit\": null}"
        }
        _ = try put("tiny_fp16.mlpackage/Manifest.json", Data("{}".utf8))
        let package = try SHA256.hex(ofFolder: folder.appendingPathComponent("tiny_fp16.mlpackage"))
        let logits = littleEndian((0..<photos).flatMap { self.logits($0).values })
        let text = """
            {
              "schema_version": 1,
              "tool": {"name": "mobile-deploy", "version": "0.1.0"},
              "network": {
                "name": "tiny", "width": 0.5, "resolution": [4, 4], "classes": 3, "params": 7,
                "macs": 9
              },
              "weights": {"source": "none"},
              "input": {
                "shape": [1, 3, 4, 4], "dtype": "float32", "layout": "NCHW",
                "colour_order": "RGB", "resize": [5, 5], "resize_filter": "bilinear",
                "crop": [4, 4], "scale": 0.00392156862745098, "mean": [0.485, 0.456, 0.406],
                "std": [0.229, 0.224, 0.225]
              },
              "labels": {
                \(try put("labels.txt", Data((labels.joined(separator: "\n") + "\n").utf8))),
                "count": 3
              },
              "toolkits": {"executorch": "1.4.1"},
              "artifacts": [
                {
                  "name": "coreml-fp16", "file": "tiny_fp16.mlpackage", "sha256": "\(package)",
                  "format": "coreml", "backend": "coreml", "precision": "fp16", "bytes": 2,
                  "runtime": {"name": "iOS", "version": "17.0", "rule": "at least"},
                  "input": {"kind": "image", "name": "image", "shape": [1, 3, 4, 4]},
                  "output": {
                    "name": "classLabel_probs", "shape": [1, 3], "kind": "probabilities",
                    "label_output": "classLabel"
                  },
                  "measured": {"photos": 8, "agreement": 1.0, "sqnr_db": 41.5},
                  "verified": true, "unverified_reason": null
                },
                {
                  "name": "executorch-int8",
                  \(try put("tiny_int8.pte", Data("int8".utf8))),
                  "format": "executorch", "backend": "xnnpack", "precision": "int8", "bytes": 4,
                  "runtime": {"name": "ExecuTorch", "version": "1.4.1", "rule": "exact"},
                  "input": {"kind": "tensor", "name": "input", "shape": [1, 3, 4, 4]},
                  "output": {
                    "name": "logits", "shape": [1, 3], "kind": "logits", "label_output": null
                  },
                  "measured": null, "verified": true, "unverified_reason": null
                }
              ],
              "golden": {
                "count": \(photos),
                "photos": [\(golden.joined(separator: ", "))],
                "logits_float": {\(try put("golden/logits_float.f32", logits))},
                "logits": [
                  {
                    \(try put("golden/logits_int8.f32", logits)),
                    "artifact": "executorch-int8"
                  }
                ]
              }
            }
            """
        try Data(text.utf8).write(to: folder.appendingPathComponent("manifest.json"))
    }

    private static func littleEndian(_ values: [Float]) -> Data {
        Data(
            values.flatMap { value in
                withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) }
            })
    }
}
