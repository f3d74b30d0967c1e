import Foundation
import MobileDeployCore
import MobileDeployRuntime
import UIKit

/// A photo, with what the network says of it.
struct PhotoResult: Sendable {
    let data: Data
    let recognition: Recognition
}

extension AppModel {
    /// Recognize what the camera sees, until the task is cancelled.
    func watchCamera() async {
        camera = .working
        let frames: AsyncStream<Frame>
        do {
            frames = try await capture.start()
        } catch {
            camera = .failed(error.localizedDescription)
            return
        }
        camera = .ready(await capture.facts)
        // Nobody touches a phone that one holds before something.
        UIApplication.shared.isIdleTimerDisabled = true
        let repair = Task { await repairCamera() }
        for await frame in frames {
            await look(at: frame)
            capture.takeNext()
        }
        repair.cancel()
        if benchmarkTask == nil { UIApplication.shared.isIdleTimerDisabled = false }
        await capture.stop()
    }

    /// Start the camera again when the system has stopped it, or say that it cannot be.
    private func repairCamera() async {
        for await _ in CaptureService.errors(of: capture.session) {
            if await capture.restart() { continue }
            camera = .failed("The camera has stopped. Leave the app and come back.")
        }
    }

    /// The other camera, front or back.
    func turnCamera() async {
        do {
            camera = .ready(try await capture.turn())
        } catch {
            camera = .failed(error.localizedDescription)
        }
    }

    /// A network that fails is shown as one that cannot be loaded; the camera runs on.
    private func look(at frame: Frame) async {
        let asked = arm
        do {
            let recognition = try await classification.recognize(
                frame.image, conversion: frame.milliseconds)
            guard let recognition, arm == asked, !Task.isCancelled else { return }
            live = recognition
            liveFrames.add(recognition.times, end: ProcessInfo.processInfo.systemUptime)
            if case .failed = loading { loading = .ready }
        } catch {
            if arm == asked, !Task.isCancelled { loading = .failed(error.localizedDescription) }
        }
    }

    /// Recognize a photo from the library; `load` gives its file.
    func recognize(_ load: @MainActor () async throws -> Data?) async {
        await fill(\.photo) { _ in
            guard let data = try await load() else { throw PhotoProblem.damaged }
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

    /// The bytes of a file that another app offers.
    nonisolated static func read(_ offered: URL) async throws -> Data {
        let isScoped = offered.startAccessingSecurityScopedResource()
        defer { if isScoped { offered.stopAccessingSecurityScopedResource() } }
        return try Data(contentsOf: offered)
    }

    private nonisolated static func decode(_ data: Data) async throws -> RGBImage {
        try PhotoDecoder.decode(data)
    }
}
