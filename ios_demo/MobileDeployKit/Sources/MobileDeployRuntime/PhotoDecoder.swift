#if canImport(ImageIO)
import CoreGraphics
import Foundation
import ImageIO
import MobileDeployCore

/// From a photo's file to upright pixels, as Python's `deploy.photos.images.decode` has them.
public enum PhotoDecoder {
    /// What Image I/O can subsample by.
    private static let mostSubsampling = 8

    /// Orientation is applied, alpha is laid over white. The values are those of the file: its
    /// colour profile is ignored, as it was when the weights were trained. A photo of more than 4
    /// million pixels is subsampled by a power of two. Throws `PhotoProblem`.
    public static func decode(_ data: Data) throws -> RGBImage {
        let orientation = try PhotoHeader.orientation(data)
        guard let source = CGImageSourceCreateWithData(data as CFData, nil) else {
            throw PhotoProblem.damaged
        }
        let properties = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [CFString: Any]
        let sides = [kCGImagePropertyPixelWidth, kCGImagePropertyPixelHeight].map {
            (properties?[$0] as? NSNumber)?.intValue ?? 0
        }
        try PhotoHeader.check(width: sides[0], height: sides[1])
        let factor = PhotoHeader.subsampling(width: sides[0], height: sides[1])
        var options: [CFString: Any] = [kCGImageSourceShouldCache: false]
        if factor > 1 {
            options[kCGImageSourceSubsampleFactor] = min(factor, mostSubsampling)
        }
        guard let image = CGImageSourceCreateImageAtIndex(source, 0, options as CFDictionary)
        else { throw PhotoProblem.damaged }
        guard image.bitsPerComponent <= 8 else { throw PhotoProblem.deep }
        let stored = image.colorSpace?.model == .cmyk ? try inks(of: image) : try pixels(of: image)
        return orientation.apply(to: stored)
    }

    private static func pixels(of image: CGImage) throws -> RGBImage {
        let size = PixelSize(height: image.height, width: image.width)
        let space = space(of: image)
        let isGrey = space.model == .monochrome
        let colour = CGImageAlphaInfo.noneSkipLast.rawValue | CGBitmapInfo.byteOrder32Big.rawValue
        guard
            let context = CGContext(
                data: nil, width: size.width, height: size.height, bitsPerComponent: 8,
                bytesPerRow: size.width * (isGrey ? 1 : 4), space: space,
                bitmapInfo: isGrey ? CGImageAlphaInfo.none.rawValue : colour)
        else { throw PhotoProblem.damaged }
        let whole = CGRect(x: 0, y: 0, width: size.width, height: size.height)
        context.setFillColor(CGColor(gray: 1, alpha: 1))
        context.fill(whole)
        context.interpolationQuality = .none
        context.draw(image, in: whole)
        guard let base = context.data else { throw PhotoProblem.damaged }
        let bytes = UnsafeRawBufferPointer(start: base, count: context.bytesPerRow * size.height)
        if isGrey {
            return RGBImage(copyingGrey: bytes, size: size, bytesPerRow: context.bytesPerRow)
        }
        return RGBImage(
            copying: bytes, order: .rgba, size: size, bytesPerRow: context.bytesPerRow)
    }

    /// Drawing would manage the colours of inks, which Python and Android do not: these are the
    /// decoded bytes themselves.
    private static func inks(of image: CGImage) throws -> RGBImage {
        let size = PixelSize(height: image.height, width: image.width)
        guard image.bitsPerComponent == 8, image.bitsPerPixel == 32, image.alphaInfo == .none,
            image.bytesPerRow >= size.width * 4, let data = image.dataProvider?.data as Data?,
            data.count >= (size.height - 1) * image.bytesPerRow + size.width * 4
        else { throw PhotoProblem.damaged }
        // Where the range of an ink goes from 1 to 0, the file holds what light it leaves.
        let isInverted = image.decode.map { $0[0] > $0[1] } ?? false
        return data.withUnsafeBytes {
            RGBImage(
                copyingInks: $0, inverted: isInverted, size: size, bytesPerRow: image.bytesPerRow)
        }
    }

    /// The picture's own, in which drawing changes no value; sRGB where that is neither RGB nor
    /// grey, such as Lab.
    private static func space(of image: CGImage) -> CGColorSpace {
        let kept: [CGColorSpaceModel] = [.rgb, .monochrome]
        if let own = image.colorSpace, kept.contains(own.model), own.supportsOutput { return own }
        return CGColorSpace(name: CGColorSpace.sRGB) ?? CGColorSpaceCreateDeviceRGB()
    }
}
#endif
