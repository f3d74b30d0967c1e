@preconcurrency import AVFoundation
import MobileDeployCore

/// The back camera. Its work is done on a queue of its own: starting a session blocks.
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
    private var rotation: AVCaptureDevice.RotationCoordinator?
    private var rotationObservation: NSKeyValueObservation?
    private var watchers = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Upright frames, of which only the newest waits; each call of `start` needs one of `stop`
    /// unless it throws, always `Problem`.
    func start() async throws -> AsyncStream<RGBImage> {
        guard await CaptureService.isAllowed() else { throw Problem.denied }
        if rotation == nil { try configure() }
        watchers += 1
        if !session.isRunning { session.startRunning() }
        return receiver.frames()
    }

    func stop() {
        watchers -= 1
        if watchers == 0 { session.stopRunning() }
    }

    private static func isAllowed() async -> Bool {
        switch AVCaptureDevice.authorizationStatus(for: .video) {
        case .authorized: return true
        case .notDetermined: return await AVCaptureDevice.requestAccess(for: .video)
        default: return false
        }
    }

    private func configure() throws {
        guard
            let camera = AVCaptureDevice.default(
                .builtInWideAngleCamera, for: .video, position: .back),
            let input = try? AVCaptureDeviceInput(device: camera)
        else { throw Problem.unavailable }
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        if session.canSetSessionPreset(.hd1280x720) { session.sessionPreset = .hd1280x720 }
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA
        ]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(receiver, queue: frameQueue)
        guard session.canAddInput(input) else { throw Problem.unavailable }
        session.addInput(input)
        guard session.canAddOutput(output) else {
            session.removeInput(input)
            throw Problem.unavailable
        }
        session.addOutput(output)
        follow(camera)
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
