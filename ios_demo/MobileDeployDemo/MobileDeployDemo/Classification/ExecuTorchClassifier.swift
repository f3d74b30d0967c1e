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

    let runtime = RuntimeName("ExecuTorch", version: ExecuTorchClassifier.version)

    private let module: Module
    private let preprocessing: Preprocessing
    private let input: Tensor<Float>
    private let classes: Int
    private var output: [Value] = []

    /// Blocks until the program is ready: not for the main thread.
    init(file: URL, artifact: Artifact, preprocessing: Preprocessing, classes: Int) throws {
        let crop = preprocessing.crop
        guard artifact.input.kind == .tensor,
            artifact.input.shape == [1, RGBImage.channels, crop.height, crop.width]
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
        input = Tensor<Float>.zeros(shape: artifact.input.shape)
        self.preprocessing = preprocessing
        self.classes = classes
    }

    func prepare(_ crop: RGBImage) throws {
        guard crop.size == preprocessing.crop else {
            throw RunnerError(kind: .wrongShape, text: "the crop is not of the network's size")
        }
        try input.withUnsafeMutableBytes { (values: UnsafeMutableBufferPointer<Float>) in
            preprocessing.normalize(crop, into: values)
        }
    }

    func run() throws {
        do {
            output = try module.forward(input)
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
