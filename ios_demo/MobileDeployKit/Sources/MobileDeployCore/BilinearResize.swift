/// Pillow's bilinear resizing, to the byte: a triangle that widens when it shrinks, weights in
/// fixed point with 22 bits, across first, rounded to 8 bits, then down.
///
/// tests/fixtures/preprocessing holds the pictures on which Python, Kotlin and Swift agree.
enum BilinearResize {
    private static let bits = 22
    private static let half = 1 << (bits - 1)

    /// `image` resized to `size`, of which only `window`, at `top` and `left`, is computed: the
    /// rest would be cut off anyway.
    static func resize(
        _ image: RGBImage, to size: PixelSize, window: PixelSize, top: Int, left: Int
    ) -> RGBImage {
        let columns = taps(
            source: image.size.width, target: size.width, offset: left, count: window.width)
        let rows = taps(
            source: image.size.height, target: size.height, offset: top, count: window.height)
        let firstRow = rows.first?.first ?? 0
        let lastRow = rows.last.map { $0.first + $0.weights.count } ?? firstRow
        let across = resizeAcross(image, columns: columns, rows: firstRow..<lastRow)
        return resizeDown(across, rows: rows, firstRow: firstRow)
    }

    /// The source pixels, from `first` on, that make one pixel, each with its weight.
    private struct Taps {
        let first: Int
        let weights: [Int]
    }

    private static func taps(source: Int, target: Int, offset: Int, count: Int) -> [Taps] {
        let scale = Double(source) / Double(target)
        let support = max(scale, 1)
        let narrowing = 1 / support
        return (0..<count).map { index in
            let center = (Double(offset + index) + 0.5) * scale
            let first = max(Int(center - support + 0.5), 0)
            let last = min(Int(center + support + 0.5), source)
            let raw = (first..<last).map { pixel in
                max(0, 1 - abs((Double(pixel) - center + 0.5) * narrowing))
            }
            let total = raw.reduce(0, +)
            let weights = raw.map { Int(0.5 + $0 / total * Double(1 << bits)) }
            return Taps(first: first, weights: weights)
        }
    }

    private static func resizeAcross(
        _ image: RGBImage, columns: [Taps], rows: Range<Int>
    ) -> RGBImage {
        let channels = RGBImage.channels
        let size = PixelSize(height: rows.count, width: columns.count)
        let pixels = image.pixels.withUnsafeBufferPointer { source in
            filled(size) { target in
                var to = 0
                for row in rows {
                    for taps in columns {
                        let from = (row * image.size.width + taps.first) * channels
                        for channel in 0..<channels {
                            target[to] = weigh(
                                source, from: from + channel, step: channels, by: taps.weights)
                            to += 1
                        }
                    }
                }
            }
        }
        return RGBImage(size: size, pixels: pixels)
    }

    private static func resizeDown(_ image: RGBImage, rows: [Taps], firstRow: Int) -> RGBImage {
        let stride = image.size.width * RGBImage.channels
        let size = PixelSize(height: rows.count, width: image.size.width)
        let pixels = image.pixels.withUnsafeBufferPointer { source in
            filled(size) { target in
                var to = 0
                for taps in rows {
                    let from = (taps.first - firstRow) * stride
                    for column in 0..<stride {
                        target[to] = weigh(
                            source, from: from + column, step: stride, by: taps.weights)
                        to += 1
                    }
                }
            }
        }
        return RGBImage(size: size, pixels: pixels)
    }

    private static func filled(
        _ size: PixelSize, _ fill: (UnsafeMutableBufferPointer<UInt8>) -> Void
    ) -> [UInt8] {
        let count = size.height * size.width * RGBImage.channels
        return [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            fill(target)
            initialized = count
        }
    }

    private static func weigh(
        _ pixels: UnsafeBufferPointer<UInt8>, from: Int, step: Int, by weights: [Int]
    ) -> UInt8 {
        var sum = half
        var at = from
        for weight in weights {
            sum += Int(pixels[at]) * weight
            at += step
        }
        // The weights' roundings may add up to a little more than one.
        return UInt8(min(sum >> bits, 255))
    }
}
