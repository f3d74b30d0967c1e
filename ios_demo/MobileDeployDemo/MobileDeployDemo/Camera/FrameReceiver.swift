import AVFoundation
import MobileDeployCore
import MobileDeployRuntime

/// Turns sample buffers into pictures at once, since a buffer that is kept starves the camera.
///
/// Unchecked: the stream's end is all that is shared, and a lock guards it.
final class FrameReceiver: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate,
    @unchecked Sendable
{
    private let lock = NSLock()
    private var continuation: AsyncStream<RGBImage>.Continuation?

    /// The frames from now on, in place of those that anyone got before.
    func frames() -> AsyncStream<RGBImage> {
        let (stream, continuation) = AsyncStream<RGBImage>.makeStream(
            bufferingPolicy: .bufferingNewest(1))
        lock.lock()
        defer { lock.unlock() }
        self.continuation?.finish()
        self.continuation = continuation
        return stream
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let buffer = CMSampleBufferGetImageBuffer(sampleBuffer),
            let frame = RGBImage(frame: buffer)
        else { return }
        lock.lock()
        defer { lock.unlock() }
        continuation?.yield(frame)
    }
}
