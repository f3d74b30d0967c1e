/// Height and width in pixels, in the manifest's order.
public struct PixelSize: Equatable, Sendable {
    public let height: Int
    public let width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }
}

/// An upright picture: 8-bit red, green and blue, row by row from the top left.
public struct RGBImage: Equatable, Sendable {
    public static let channels = 3

    public let size: PixelSize
    public let pixels: [UInt8]

    /// `pixels` holds three bytes for each pixel of `size`.
    public init(size: PixelSize, pixels: [UInt8]) {
        precondition(pixels.count == size.height * size.width * RGBImage.channels)
        self.size = size
        self.pixels = pixels
    }
}

/// The order of the four bytes in which Apple's frameworks keep a pixel. The fourth is ignored.
public enum PixelOrder: Sendable {
    case bgra
    case rgba

    var red: Int { self == .bgra ? 2 : 0 }
    var blue: Int { self == .bgra ? 0 : 2 }
}

extension RGBImage {
    private static let stored = 4

    /// A copy of `size` pixels of four bytes each, whose rows begin `bytesPerRow` bytes apart.
    public init(
        copying source: UnsafeRawBufferPointer, order: PixelOrder, size: PixelSize, bytesPerRow: Int
    ) {
        precondition(bytesPerRow >= size.width * RGBImage.stored)
        precondition(
            size.height == 0
                || source.count >= (size.height - 1) * bytesPerRow + size.width * RGBImage.stored
        )
        let count = size.height * size.width * RGBImage.channels
        self.size = size
        pixels = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            var to = 0
            for row in 0..<size.height {
                var from = row * bytesPerRow
                for _ in 0..<size.width {
                    target[to] = source[from + order.red]
                    target[to + 1] = source[from + 1]
                    target[to + 2] = source[from + order.blue]
                    from += RGBImage.stored
                    to += RGBImage.channels
                }
            }
            initialized = count
        }
    }

    /// The same of a grey picture: a byte for each pixel, which becomes its red, green and blue.
    public init(
        copyingGrey source: UnsafeRawBufferPointer, size: PixelSize, bytesPerRow: Int
    ) {
        precondition(bytesPerRow >= size.width)
        precondition(
            size.height == 0 || source.count >= (size.height - 1) * bytesPerRow + size.width)
        let count = size.height * size.width * RGBImage.channels
        self.size = size
        pixels = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            var to = 0
            for row in 0..<size.height {
                for from in row * bytesPerRow..<row * bytesPerRow + size.width {
                    for channel in 0..<RGBImage.channels { target[to + channel] = source[from] }
                    to += RGBImage.channels
                }
            }
            initialized = count
        }
    }

    /// The same of a picture in inks, four bytes for each pixel; `inverted` where they say how much
    /// light is left, as most files do. Pillow's arithmetic, which knows no profile.
    public init(
        copyingInks source: UnsafeRawBufferPointer, inverted: Bool, size: PixelSize,
        bytesPerRow: Int
    ) {
        precondition(bytesPerRow >= size.width * RGBImage.stored)
        precondition(
            size.height == 0
                || source.count >= (size.height - 1) * bytesPerRow + size.width * RGBImage.stored
        )
        let count = size.height * size.width * RGBImage.channels
        let flip: UInt8 = inverted ? 0 : .max
        self.size = size
        pixels = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            var to = 0
            for row in 0..<size.height {
                var from = row * bytesPerRow
                for _ in 0..<size.width {
                    let light = Int(source[from + RGBImage.channels] ^ flip)
                    for channel in 0..<RGBImage.channels {
                        let ink = Int(source[from + channel] ^ flip ^ .max)
                        // Their product by 255, rounded without dividing.
                        let product = ink * light + 128
                        target[to] = UInt8(max(0, light - (product + product >> 8) >> 8))
                        to += 1
                    }
                    from += RGBImage.stored
                }
            }
            initialized = count
        }
    }

    /// Write the pixels, opaque, into rows that begin `bytesPerRow` bytes apart.
    public func copy(
        to target: UnsafeMutableRawBufferPointer, order: PixelOrder, bytesPerRow: Int
    ) {
        precondition(bytesPerRow >= size.width * RGBImage.stored)
        var from = 0
        for row in 0..<size.height {
            var to = row * bytesPerRow
            for _ in 0..<size.width {
                target[to + order.red] = pixels[from]
                target[to + 1] = pixels[from + 1]
                target[to + order.blue] = pixels[from + 2]
                target[to + 3] = .max
                from += RGBImage.channels
                to += RGBImage.stored
            }
        }
    }
}
