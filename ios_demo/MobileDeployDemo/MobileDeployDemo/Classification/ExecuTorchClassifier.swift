import ExecuTorch
import Foundation
import MobileDeployCore
import MobileDeployRuntime

/// A .pte program in ExecuTorch. This is the one file that imports it: its names are common words.
///
/// Which backends there are is decided by what is linked, see the project's package products.
final class ExecuTorchClassifier: Classifier {
    /// Of the package that the project pins: ExecuTorch does not tell, and a .pte needs this one.
    static let version = "1.4.1"

    /// What the program reads: normalized numbers, or the crop's bytes with alpha, each less 128.
    private enum Input {
        case floats(Tensor<Float>)
        case pixels(Tensor<Int8>)
    }

    let runtime = RuntimeName("ExecuTorch", version: ExecuTorchClassifier.version)

    private let module: Module
    private let preprocessing: Preprocessing
    private let input: Input
    private let classes: Int
    private var output: [Value] = []

    /// Blocks until the program is ready: not for the main thread.
    init(file: URL, artifact: Artifact, preprocessing: Preprocessing, classes: Int) throws {
        let crop = preprocessing.crop
        let channels =
            artifact.input.pixels == nil ? RGBImage.channels : Preprocessing.pixelChannels
        guard artifact.input.kind != .image, artifact.input.pixels?.dtype != .uint8,
            artifact.input.shape == [1, channels, crop.height, crop.width]
        else {
            throw RunnerError(kind: .wrongShape, text: "\(artifact.name) takes another input")
        }
        // Mapped: its weights are read as they are needed, and count as files and not as memory.
        module = Module(filePath: file.path, loadMode: .mmap)
        do {
            try module.load("forward")
        } catch {
            throw RunnerError(error, otherwise: .loadFailed)
        }
        // XNNPACK reads bytes pixel by pixel, as the program says, whatever the tensor's strides.
        input =
            artifact.input.pixels == nil
            ? .floats(Tensor<Float>.zeros(shape: artifact.input.shape))
            : .pixels(Tensor<Int8>.zeros(shape: artifact.input.shape))
        self.preprocessing = preprocessing
        self.classes = classes
    }

    func prepare(_ crop: RGBImage) throws {
        guard crop.size == preprocessing.crop else {
            throw RunnerError(kind: .wrongShape, text: "the crop is not of the network's size")
        }
        switch input {
        case .floats(let tensor):
            try tensor.withUnsafeMutableBytes { (values: UnsafeMutableBufferPointer<Float>) in
                preprocessing.normalize(crop, into: values)
            }
        case .pixels(let tensor):
            try tensor.withUnsafeMutableBytes { (bytes: UnsafeMutableBufferPointer<Int8>) in
                preprocessing.copy(crop, into: bytes)
            }
        }
    }

    func run() throws {
        do {
            switch input {
            case .floats(let tensor): output = try module.forward(tensor)
            case .pixels(let tensor): output = try module.forward(tensor)
            }
        } catch {
            throw RunnerError(error, otherwise: .runFailed)
        }
    }

    /// A copy: the output is the module's own memory, which the next run overwrites.
    func logits() throws -> Logits {
        guard let tensor: Tensor<Float> = output.first?.tensor() else {
            throw RunnerError(kind: .wrongShape, text: "the output is no tensor of float32")
        }
        let values = tensor.scalars()
        guard values.count == classes else {
            throw RunnerError(kind: .wrongShape, text: "\(values.count) classes came out")
        }
        return Logits(values)
    }
}

extension RunnerError {
    /// In ExecuTorch's own words, with its number.
    fileprivate init(_ error: any Swift.Error, otherwise kind: Kind) {
        let described = error as NSError
        let missing =
            described.domain == ErrorDomain
            && described.code == Int(ErrorCode.operatorMissing.rawValue)
        self.init(
            kind: missing ? .operatorMissing : kind,
            text: "ExecuTorch error \(described.code): \(described.localizedDescription)"
        )
    }
}
