@preconcurrency import AVFoundation
import MobileDeployCore

/// What the screen must know of the camera that is open.
struct CameraFacts: Equatable, Sendable {
    let hasLight: Bool
    let hasOther: Bool
    /// Of its upright frames in portrait, in pixels.
    let size: PixelSize
    /// Another one for each camera, so that the preview is made anew.
    let id: String
}

/// The phone's cameras, of which one runs. Their work is done on a queue of their own: starting a
/// session blocks.
actor CaptureService {
    enum Problem: Error {
        case denied
        case unavailable
    }

    /// For the preview alone; it is configured here.
    nonisolated let session = AVCaptureSession()

    private let queue = DispatchSerialQueue(label: "dev.mobiledeploy.demo.capture")
    private let frameQueue = DispatchQueue(label: "dev.mobiledeploy.demo.frames")
    private let receiver = FrameReceiver()
    private let output = AVCaptureVideoDataOutput()
    private var input: AVCaptureDeviceInput?
    private var position = AVCaptureDevice.Position.back
    private var rotation: AVCaptureDevice.RotationCoordinator?
    private var rotationObservation: NSKeyValueObservation?
    private var watchers = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Upright frames, one at first and then one for each `takeNext`. Each call of `start` needs
    /// one of `stop` unless it throws, always `Problem`.
    func start() async throws -> AsyncStream<Frame> {
        guard await CaptureService.isAllowed() else { throw Problem.denied }
        if input == nil { try open() }
        watchers += 1
        if !session.isRunning { session.startRunning() }
        return receiver.frames()
    }

    nonisolated func takeNext() {
        receiver.takeNext()
    }

    func stop() {
        watchers -= 1
        if watchers == 0 { session.stopRunning() }
    }

    /// Whether it runs again after the system has stopped it.
    func restart() -> Bool {
        if watchers > 0, !session.isRunning { session.startRunning() }
        return session.isRunning
    }

    /// Take the other camera. Throws `Problem`.
    func turn() throws -> CameraFacts {
        position = position == .back ? .front : .back
        try open()
        return facts
    }

    var facts: CameraFacts {
        let camera = input?.device
        let format = camera.map {
            CMVideoFormatDescriptionGetDimensions($0.activeFormat.formatDescription)
        }
        return CameraFacts(
            hasLight: camera?.hasTorch ?? false,
            hasOther: CaptureService.camera(at: position == .back ? .front : .back) != nil,
            size: PixelSize(height: Int(format?.width ?? 16), width: Int(format?.height ?? 9)),
            id: camera?.uniqueID ?? ""
        )
    }

    /// Turn the light on or off, where there is one.
    func shine(_ on: Bool) {
        change { camera in
            let mode: AVCaptureDevice.TorchMode = on ? .on : .off
            if camera.hasTorch, camera.isTorchModeSupported(mode) { camera.torchMode = mode }
        }
    }

    /// Focus and expose for a point, in shares of the picture as the sensor has it.
    func focus(at point: CGPoint) {
        change { camera in
            if camera.isFocusPointOfInterestSupported, camera.isFocusModeSupported(.autoFocus) {
                camera.focusPointOfInterest = point
                camera.focusMode = .autoFocus
            }
            let exposure = AVCaptureDevice.ExposureMode.continuousAutoExposure
            if camera.isExposurePointOfInterestSupported, camera.isExposureModeSupported(exposure) {
                camera.exposurePointOfInterest = point
                camera.exposureMode = exposure
            }
        }
    }

    /// One element whenever the system reports that the session has failed.
    nonisolated static func errors(of session: AVCaptureSession) -> AsyncStream<Void> {
        AsyncStream { continuation in
            // Its constant has changed its name between versions of the SDK, and keeps its value.
            let name = Notification.Name("AVCaptureSessionRuntimeErrorNotification")
            let observer = NotificationCenter.default.addObserver(
                forName: name, object: session, queue: nil
            ) { _ in
                continuation.yield()
            }
            let token = ObserverToken(observer: observer)
            continuation.onTermination = { _ in
                NotificationCenter.default.removeObserver(token.observer)
            }
        }
    }

    /// Unchecked: nobody looks into it, and the notification centre takes it from any thread.
    private struct ObserverToken: @unchecked Sendable {
        let observer: any NSObjectProtocol
    }

    private func change(_ work: (AVCaptureDevice) -> Void) {
        guard let camera = input?.device, (try? camera.lockForConfiguration()) != nil
        else { return }
        work(camera)
        camera.unlockForConfiguration()
    }

    private static func camera(at position: AVCaptureDevice.Position) -> AVCaptureDevice? {
        AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: position)
    }

    private static func isAllowed() async -> Bool {
        switch AVCaptureDevice.authorizationStatus(for: .video) {
        case .authorized: return true
        case .notDetermined: return await AVCaptureDevice.requestAccess(for: .video)
        default: return false
        }
    }

    /// Put the camera at `position` in place of the one that was open.
    private func open() throws {
        guard let camera = CaptureService.camera(at: position),
            let next = try? AVCaptureDeviceInput(device: camera)
        else { throw Problem.unavailable }
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        if let input { session.removeInput(input) }
        input = nil
        if session.canSetSessionPreset(.hd1280x720) { session.sessionPreset = .hd1280x720 }
        guard session.canAddInput(next) else { throw Problem.unavailable }
        session.addInput(next)
        if session.outputs.isEmpty {
            output.videoSettings = [
                kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA
            ]
            output.alwaysDiscardsLateVideoFrames = true
            output.setSampleBufferDelegate(receiver, queue: frameQueue)
            guard session.canAddOutput(output) else {
                session.removeInput(next)
                throw Problem.unavailable
            }
            session.addOutput(output)
        }
        input = next
        mirror()
        follow(camera)
    }

    /// What a front camera sees is mirrored, as its preview is.
    private func mirror() {
        guard let connection = output.connection(with: .video), connection.isVideoMirroringSupported
        else { return }
        connection.automaticallyAdjustsVideoMirroring = false
        connection.isVideoMirrored = position == .front
    }

    /// Turn the frames as the phone is turned, so that they always arrive upright.
    private func follow(_ camera: AVCaptureDevice) {
        let coordinator = AVCaptureDevice.RotationCoordinator(device: camera, previewLayer: nil)
        rotation = coordinator
        turn(to: coordinator.videoRotationAngleForHorizonLevelCapture)
        rotationObservation = coordinator.observe(
            \.videoRotationAngleForHorizonLevelCapture, options: [.new]
        ) { [weak self] _, change in
            guard let self, let angle = change.newValue else { return }
            Task { await self.turn(to: angle) }
        }
    }

    private func turn(to angle: CGFloat) {
        guard let connection = output.connection(with: .video),
            connection.isVideoRotationAngleSupported(angle)
        else { return }
        connection.videoRotationAngle = angle
    }
}

extension CaptureService.Problem: LocalizedError {
    var errorDescription: String? {
        switch self {
        case .denied: "The app may not use the camera: allow it in Settings."
        case .unavailable: "There is no camera that can be used, as on a simulator."
        }
    }
}
