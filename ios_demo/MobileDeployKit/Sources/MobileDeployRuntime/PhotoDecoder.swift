#if canImport(ImageIO)
import CoreGraphics
import Foundation
import ImageIO
import MobileDeployCore

/// From a photo's file to upright pixels, as Python's `deploy.photos.images.decode` has them.
public enum PhotoDecoder {
    /// Why a photo cannot be used, in a line for the screen.
    public enum Problem: Error, Equatable {
        case unreadable
        case tooLarge
    }

    /// An RGB copy of this many pixels takes 150 MB, and the system's own a third more.
    private static let mostPixels = 50_000_000

    /// Orientation is applied, alpha is laid over white. The values are those of the file: its
    /// colour profile is ignored, as it was when the weights were trained. Throws `Problem`.
    public static func decode(_ data: Data) throws -> RGBImage {
        guard let source = CGImageSourceCreateWithData(data as CFData, nil) else {
            throw Problem.unreadable
        }
        let properties = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [CFString: Any]
        let sides = [kCGImagePropertyPixelWidth, kCGImagePropertyPixelHeight].map {
            (properties?[$0] as? NSNumber)?.intValue ?? 0
        }
        guard sides[0] > 0, sides[1] > 0 else { throw Problem.unreadable }
        guard sides[0] <= mostPixels / sides[1] else { throw Problem.tooLarge }
        guard let image = CGImageSourceCreateImageAtIndex(source, 0, nil) else {
            throw Problem.unreadable
        }
        let exif = (properties?[kCGImagePropertyOrientation] as? NSNumber)?.intValue
        return Orientation(exif: exif).apply(to: try pixels(of: image))
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
        else { throw Problem.unreadable }
        let whole = CGRect(x: 0, y: 0, width: size.width, height: size.height)
        context.setFillColor(CGColor(gray: 1, alpha: 1))
        context.fill(whole)
        context.interpolationQuality = .none
        context.draw(image, in: whole)
        guard let base = context.data else { throw Problem.unreadable }
        let bytes = UnsafeRawBufferPointer(start: base, count: context.bytesPerRow * size.height)
        if isGrey {
            return RGBImage(copyingGrey: bytes, size: size, bytesPerRow: context.bytesPerRow)
        }
        return RGBImage(
            copying: bytes, order: .rgba, size: size, bytesPerRow: context.bytesPerRow)
    }

    /// The picture's own, in which drawing changes no value; sRGB where that is neither RGB nor
    /// grey, such as CMYK.
    private static func space(of image: CGImage) -> CGColorSpace {
        let kept: [CGColorSpaceModel] = [.rgb, .monochrome]
        if let own = image.colorSpace, kept.contains(own.model), own.supportsOutput { return own }
        return CGColorSpace(name: CGColorSpace.sRGB) ?? CGColorSpaceCreateDeviceRGB()
    }
}

extension PhotoDecoder.Problem: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .unreadable: "This is no photo that can be read: take another one."
        case .tooLarge: "This photo has more than 50 megapixels: take a smaller one."
        }
    }
}
#endif
