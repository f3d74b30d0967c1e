import AVFoundation
import MobileDeployCore
import MobileDeployRuntime

/// A picture of the camera's, and how many milliseconds it took to make it of a frame.
struct Frame: Sendable {
    let image: RGBImage
    let milliseconds: Double
}

/// Turns sample buffers into pictures at once, since a buffer that is kept starves the camera.
/// Those that nobody has time for are not worth it.
///
/// Unchecked: the stream's end is all that is shared, and a lock guards it.
final class FrameReceiver: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate,
    @unchecked Sendable
{
    private let lock = NSLock()
    private let gate = FrameGate()
    private let stopwatch = Stopwatch()
    private var continuation: AsyncStream<Frame>.Continuation?

    /// The frames from now on, in place of those that anyone got before: one, and one more for each
    /// `takeNext`.
    func frames() -> AsyncStream<Frame> {
        let (stream, continuation) = AsyncStream<Frame>.makeStream(
            bufferingPolicy: .bufferingNewest(1))
        lock.lock()
        defer { lock.unlock() }
        self.continuation?.finish()
        self.continuation = continuation
        gate.open()
        return stream
    }

    func takeNext() {
        gate.open()
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let buffer = CMSampleBufferGetImageBuffer(sampleBuffer), gate.pass() else { return }
        let (image, ns) = stopwatch.time { RGBImage(frame: buffer) }
        guard let image else { return gate.open() }
        lock.lock()
        defer { lock.unlock() }
        continuation?.yield(Frame(image: image, milliseconds: Double(ns) / 1e6))
    }
}
