/// How a stored picture becomes upright: the eight ways of EXIF 2.32, by their numbers.
public enum Orientation: Int, CaseIterable, Sendable {
    case upright = 1
    case mirrored
    case turned180
    case turned180Mirrored
    case turned90Mirrored
    case turned90
    case turned270Mirrored
    case turned270

    /// Of what a file says; anything that EXIF does not know is upright.
    public init(exif: Int?) {
        self = exif.flatMap(Orientation.init(rawValue:)) ?? .upright
    }

    private var transposes: Bool { rawValue >= Orientation.turned90Mirrored.rawValue }

    private var countsFromBottom: Bool {
        switch self {
        case .turned180, .turned180Mirrored, .turned90, .turned270Mirrored: true
        default: false
        }
    }

    private var countsFromRight: Bool {
        switch self {
        case .mirrored, .turned180, .turned270Mirrored, .turned270: true
        default: false
        }
    }

    /// `stored` the right way up.
    public func apply(to stored: RGBImage) -> RGBImage {
        if self == .upright { return stored }
        let (height, width) = (stored.size.height, stored.size.width)
        let size = transposes ? PixelSize(height: width, width: height) : stored.size
        var pixels: [UInt8] = []
        pixels.reserveCapacity(stored.pixels.count)
        for row in 0..<size.height {
            for column in 0..<size.width {
                let (down, right) = transposes ? (column, row) : (row, column)
                let storedRow = countsFromBottom ? height - 1 - down : down
                let storedColumn = countsFromRight ? width - 1 - right : right
                let from = (storedRow * width + storedColumn) * RGBImage.channels
                pixels.append(contentsOf: stored.pixels[from..<from + RGBImage.channels])
            }
        }
        return RGBImage(size: size, pixels: pixels)
    }
}
