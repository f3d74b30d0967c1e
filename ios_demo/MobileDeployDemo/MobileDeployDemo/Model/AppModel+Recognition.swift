import Foundation
import MobileDeployCore
import MobileDeployRuntime

/// A photo, with what the network says of it.
struct PhotoResult: Sendable {
    let data: Data
    let recognition: Recognition
}

extension AppModel {
    /// Recognize what the camera sees, until the task is cancelled.
    func watchCamera() async {
        camera = .working
        let frames: AsyncStream<RGBImage>
        do {
            frames = try await capture.start()
        } catch {
            camera = .failed(error.localizedDescription)
            return
        }
        camera = .ready
        for await frame in frames { await look(at: frame) }
        await capture.stop()
    }

    /// A network that fails is shown as one that cannot be loaded; the camera runs on.
    private func look(at frame: RGBImage) async {
        let asked = arm
        do {
            let recognition = try await classification.recognize(frame)
            guard let recognition, arm == asked, !Task.isCancelled else { return }
            live = recognition
            liveTimes.add(recognition.milliseconds)
            if case .failed = loading { loading = .ready }
        } catch {
            if arm == asked, !Task.isCancelled { loading = .failed(error.localizedDescription) }
        }
    }

    /// Recognize a photo from the library; `load` gives its file.
    func recognize(_ load: @MainActor () async throws -> Data?) async {
        await fill(\.photo) { _ in
            guard let data = try await load() else { throw PhotoProblem.unknown }
            let image = try await AppModel.decode(data)
            guard let recognition = try await classification.recognize(image) else {
                throw RunnerError(kind: .loadFailed, text: "No network is loaded.")
            }
            return PhotoResult(data: data, recognition: recognition)
        }
    }

    /// Run the golden photos in the artifact that is loaded.
    func prove() async {
        await fill(\.proof) { try await classification.prove($0) }
    }

    /// Put into `place` what `work` gives of the artifact that is loaded, unless another one is
    /// chosen or the task cancelled meanwhile.
    func fill<Value>(
        _ place: ReferenceWritableKeyPath<AppModel, Loadable<Value>>,
        _ work: @MainActor (Arm) async throws -> Value
    ) async {
        guard isReady, let asked = arm else { return }
        self[keyPath: place] = .working
        let outcome: Loadable<Value>
        do {
            outcome = .done(try await work(asked))
        } catch {
            outcome = .failed(error.localizedDescription)
        }
        if arm == asked, !Task.isCancelled { self[keyPath: place] = outcome }
    }

    private nonisolated static func decode(_ data: Data) async throws -> RGBImage {
        try PhotoDecoder.decode(data)
    }
}
