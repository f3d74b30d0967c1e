#if canImport(CoreML)
import CoreML
import CoreVideo
import Foundation
import MobileDeployCore

/// A Core ML package that takes the crop as an image. It normalizes inside.
public final class CoreMLClassifier: Classifier {
    public let runtime: RuntimeName

    private let model: MLModel
    private let artifact: Artifact
    private let labels: [String]
    private let pixels: CVPixelBuffer
    private let input: MLDictionaryFeatureProvider
    private var output: (any MLFeatureProvider)?

    /// `compiled` is an .mlmodelc, see `CompiledModels`; `labels` are the bundle's, in order.
    /// Blocks until Core ML has the network ready: not for the main thread.
    public init(compiled: URL, artifact: Artifact, labels: [String], units: ComputeUnits) throws {
        guard artifact.input.kind == .image, artifact.input.shape.count == 4 else {
            throw RunnerError(kind: .wrongShape, text: "\(artifact.name) takes no image")
        }
        let configuration = MLModelConfiguration()
        configuration.computeUnits = MLComputeUnits(units)
        do {
            model = try MLModel(contentsOf: compiled, configuration: configuration)
        } catch {
            throw RunnerError(kind: .loadFailed, text: error.localizedDescription)
        }
        let size = PixelSize(height: artifact.input.shape[2], width: artifact.input.shape[3])
        pixels = try CoreMLClassifier.makePixels(size)
        do {
            let image = MLFeatureValue(pixelBuffer: pixels)
            input = try MLDictionaryFeatureProvider(dictionary: [artifact.input.name: image])
        } catch {
            throw RunnerError(kind: .loadFailed, text: error.localizedDescription)
        }
        self.artifact = artifact
        self.labels = labels
        // Core ML has no number of its own: it comes with the system.
        let system = ProcessInfo.processInfo.operatingSystemVersion
        let version = "\(system.majorVersion).\(system.minorVersion).\(system.patchVersion)"
        runtime = RuntimeName("Core ML", version: version)
    }

    public func prepare(_ crop: RGBImage) throws {
        let size = PixelSize(
            height: CVPixelBufferGetHeight(pixels), width: CVPixelBufferGetWidth(pixels))
        guard crop.size == size else {
            throw RunnerError(kind: .wrongShape, text: "the crop is not of the network's size")
        }
        CVPixelBufferLockBaseAddress(pixels, [])
        defer { CVPixelBufferUnlockBaseAddress(pixels, []) }
        guard let base = CVPixelBufferGetBaseAddress(pixels) else {
            throw RunnerError(kind: .runFailed, text: "the pixel buffer has no memory")
        }
        let bytesPerRow = CVPixelBufferGetBytesPerRow(pixels)
        let target = UnsafeMutableRawBufferPointer(start: base, count: bytesPerRow * size.height)
        crop.copy(to: target, order: .bgra, bytesPerRow: bytesPerRow)
    }

    public func run() throws {
        do {
            output = try model.prediction(from: input)
        } catch {
            throw RunnerError(kind: .runFailed, text: error.localizedDescription)
        }
    }

    public func logits() throws -> Logits {
        guard let value = output?.featureValue(for: artifact.output.name) else {
            throw RunnerError(kind: .wrongShape, text: "there is no output \(artifact.output.name)")
        }
        let values = try figures(of: value)
        guard values.count == labels.count else {
            throw RunnerError(kind: .wrongShape, text: "\(values.count) classes came out")
        }
        switch artifact.output.kind {
        case .logits: return Logits(values)
        case .probabilities: return Logits(probabilities: values)
        }
    }

    /// In the order of the classes: a classifier gives a dictionary, which has none.
    private func figures(of value: MLFeatureValue) throws -> [Float] {
        if let array = value.multiArrayValue {
            return (0..<array.count).map { array[$0].floatValue }
        }
        return try labels.map { label in
            guard let probability = value.dictionaryValue[label] else {
                throw RunnerError(kind: .wrongShape, text: "it knows no class \(label)")
            }
            return probability.floatValue
        }
    }

    private static func makePixels(_ size: PixelSize) throws -> CVPixelBuffer {
        // Memory that the Neural Engine and the GPU can read as it is.
        let attributes = [kCVPixelBufferIOSurfacePropertiesKey: [String: Any]()] as CFDictionary
        var buffer: CVPixelBuffer?
        let status = CVPixelBufferCreate(
            kCFAllocatorDefault, size.width, size.height, kCVPixelFormatType_32BGRA, attributes,
            &buffer)
        guard status == kCVReturnSuccess, let buffer else {
            throw RunnerError(kind: .loadFailed, text: "no pixel buffer, status \(status)")
        }
        return buffer
    }
}

extension MLComputeUnits {
    init(_ units: ComputeUnits) {
        switch units {
        case .all: self = .all
        case .cpuOnly: self = .cpuOnly
        case .cpuAndNeuralEngine: self = .cpuAndNeuralEngine
        }
    }
}
#endif
