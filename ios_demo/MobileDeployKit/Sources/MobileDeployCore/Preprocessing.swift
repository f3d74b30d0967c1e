/// A part of a picture, in shares of its width and height.
public struct PicturePart: Equatable, Sendable {
    public let left: Double
    public let top: Double
    public let width: Double
    public let height: Double
}

/// From an upright photo to the network's input, as the manifest's `input` says: scale until the
/// photo just covers `resize`, cut `crop` from its centre, then `(x * scale - mean) / std`.
public struct Preprocessing: Equatable, Sendable {
    /// Red, green, blue, alpha.
    public static let pixelChannels = 4

    public let resize: PixelSize
    public let crop: PixelSize
    /// What each 8-bit value becomes, for red, green and blue; every step is rounded to float32.
    private let normalized: [[Float]]

    /// `mean` and `std` hold a figure for each channel; `crop` is not larger than `resize`.
    public init(resize: PixelSize, crop: PixelSize, scale: Double, mean: [Double], std: [Double]) {
        precondition(crop.height <= resize.height && crop.width <= resize.width)
        precondition(mean.count == RGBImage.channels && std.count == RGBImage.channels)
        self.resize = resize
        self.crop = crop
        normalized = zip(mean, std).map { mean, std in
            (0...255).map { (Float($0) * Float(scale) - Float(mean)) / Float(std) }
        }
    }

    /// The part of `image` that the network sees, of `crop`'s size.
    public func crop(_ image: RGBImage) -> RGBImage {
        let covering = cover(image.size)
        return BilinearResize.resize(
            image,
            to: covering,
            window: crop,
            top: halfToEven(covering.height - crop.height),
            left: halfToEven(covering.width - crop.width)
        )
    }

    /// Which part of a picture of `size` that is, as nothing on a screen else tells.
    public func part(of size: PixelSize) -> PicturePart {
        let covering = cover(size)
        let (width, height) = (Double(covering.width), Double(covering.height))
        return PicturePart(
            left: Double(halfToEven(covering.width - crop.width)) / width,
            top: Double(halfToEven(covering.height - crop.height)) / height,
            width: Double(crop.width) / width,
            height: Double(crop.height) / height
        )
    }

    /// Put a crop into `target`, float32 in the order channel, row, column.
    public func normalize(_ image: RGBImage, into target: UnsafeMutableBufferPointer<Float>) {
        precondition(image.size == crop, "the crop has another size")
        let plane = crop.height * crop.width
        precondition(target.count == plane * RGBImage.channels)
        image.pixels.withUnsafeBufferPointer { source in
            for (channel, values) in normalized.enumerated() {
                var from = channel
                for pixel in 0..<plane {
                    target[channel * plane + pixel] = values[Int(source[from])]
                    from += RGBImage.channels
                }
            }
        }
    }

    /// Put a crop into `target` as pixels: red, green, blue and an alpha of 255, row by row, each
    /// byte less 128, which is its highest bit turned over.
    public func copy(_ image: RGBImage, into target: UnsafeMutableBufferPointer<Int8>) {
        precondition(image.size == crop, "the crop has another size")
        precondition(target.count == crop.height * crop.width * Preprocessing.pixelChannels)
        image.pixels.withUnsafeBufferPointer { source in
            var to = 0
            for from in stride(from: 0, to: source.count, by: RGBImage.channels) {
                for channel in 0..<RGBImage.channels {
                    target[to + channel] = Int8(bitPattern: source[from + channel] ^ 0x80)
                }
                target[to + RGBImage.channels] = Int8(bitPattern: UInt8.max ^ 0x80)
                to += Preprocessing.pixelChannels
            }
        }
    }

    /// The smallest size in the photo's proportions that covers `resize`; one side fits exactly.
    private func cover(_ size: PixelSize) -> PixelSize {
        if resize.width * size.height > resize.height * size.width {
            return PixelSize(height: size.height * resize.width / size.width, width: resize.width)
        }
        return PixelSize(height: resize.height, width: size.width * resize.height / size.height)
    }

    private func halfToEven(_ surplus: Int) -> Int {
        let half = surplus / 2
        return surplus % 2 == 1 ? half + half % 2 : half
    }
}
