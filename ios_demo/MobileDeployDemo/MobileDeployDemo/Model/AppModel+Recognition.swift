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
        do {
            let frames = try await capture.start()
            camera = .ready
            for await frame in frames {
                guard let recognition = try await classification.recognize(frame) else { continue }
                live = recognition
                liveTimes.add(recognition.milliseconds)
            }
        } catch let problem as CaptureService.Problem {
            camera = .failed(problem.localizedDescription)
            return
        } catch {
            camera = .failed(error.localizedDescription)
        }
        await capture.stop()
    }

    /// Recognize a photo from the library; `load` gives its file.
    func recognize(_ load: () async throws -> Data?) async {
        photo = .working
        do {
            guard let data = try await load() else { throw PhotoDecoder.Problem.unreadable }
            let image = try await AppModel.decode(data)
            guard let recognition = try await classification.recognize(image) else {
                photo = .failed("No network is loaded.")
                return
            }
            photo = .done(PhotoResult(data: data, recognition: recognition))
        } catch {
            photo = .failed(error.localizedDescription)
        }
    }

    /// Run the golden photos in the artifact that is loaded.
    func prove() async {
        guard let arm else { return }
        proof = .working
        do {
            proof = .done(try await classification.prove(arm))
        } catch {
            proof = .failed(error.localizedDescription)
        }
    }

    private nonisolated static func decode(_ data: Data) async throws -> RGBImage {
        try PhotoDecoder.decode(data)
    }
}
