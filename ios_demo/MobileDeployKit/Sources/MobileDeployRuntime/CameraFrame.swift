#if canImport(CoreVideo)
import CoreVideo
import MobileDeployCore

extension RGBImage {
    /// A copy of a camera's frame; nil unless it is of format 32BGRA.
    public init?(frame: CVPixelBuffer) {
        guard CVPixelBufferGetPixelFormatType(frame) == kCVPixelFormatType_32BGRA else {
            return nil
        }
        CVPixelBufferLockBaseAddress(frame, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(frame, .readOnly) }
        guard let base = CVPixelBufferGetBaseAddress(frame) else { return nil }
        let size = PixelSize(
            height: CVPixelBufferGetHeight(frame), width: CVPixelBufferGetWidth(frame))
        let bytesPerRow = CVPixelBufferGetBytesPerRow(frame)
        let bytes = UnsafeRawBufferPointer(start: base, count: bytesPerRow * size.height)
        self.init(copying: bytes, order: .bgra, size: size, bytesPerRow: bytesPerRow)
    }
}
#endif
