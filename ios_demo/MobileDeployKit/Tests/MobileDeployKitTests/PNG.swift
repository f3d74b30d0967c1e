import Foundation
import MobileDeployCore

/// As much of PNG (RFC 2083) and its compression (RFC 1951) as the fixtures need: 8-bit RGB, not
/// interlaced. Linux has no decoder that a test could use without a package.
enum PNG {
    struct Unreadable: Error {}

    static func decode(_ data: Data) throws -> RGBImage {
        let bytes = [UInt8](data)
        var at = 8
        var size = PixelSize(height: 0, width: 0)
        var compressed: [UInt8] = []
        while at + 8 <= bytes.count {
            let length = number(bytes, at)
            let body = Array(bytes[at + 8..<at + 8 + length])
            switch String(decoding: bytes[at + 4..<at + 8], as: UTF8.self) {
            case "IHDR":
                size = PixelSize(height: number(body, 4), width: number(body, 0))
                guard body[8...] == [8, 2, 0, 0, 0] else { throw Unreadable() }
            case "IDAT": compressed += body
            default: break
            }
            at += length + 12
        }
        var inflater = Inflater(Array(compressed.dropFirst(2)))
        return RGBImage(size: size, pixels: try unfilter(inflater.inflate(), size))
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> Int {
        bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    private static func unfilter(_ raw: [UInt8], _ size: PixelSize) throws -> [UInt8] {
        let (step, stride) = (RGBImage.channels, size.width * RGBImage.channels)
        guard raw.count == size.height * (stride + 1) else { throw Unreadable() }
        var above = [UInt8](repeating: 0, count: stride)
        var pixels: [UInt8] = []
        for row in 0..<size.height {
            let begin = row * (stride + 1)
            var line = Array(raw[begin + 1..<begin + 1 + stride])
            for index in 0..<stride {
                let left = index < step ? 0 : Int(line[index - step])
                let corner = index < step ? 0 : Int(above[index - step])
                let up = Int(above[index])
                let predicted: Int
                switch raw[begin] {
                case 0: predicted = 0
                case 1: predicted = left
                case 2: predicted = up
                case 3: predicted = (left + up) / 2
                case 4: predicted = paeth(left, up, corner)
                default: throw Unreadable()
                }
                line[index] = line[index] &+ UInt8(predicted)
            }
            pixels += line
            above = line
        }
        return pixels
    }

    private static func paeth(_ left: Int, _ up: Int, _ corner: Int) -> Int {
        let estimate = left + up - corner
        let distances = (abs(estimate - left), abs(estimate - up), abs(estimate - corner))
        if distances.0 <= distances.1 && distances.0 <= distances.2 { return left }
        return distances.1 <= distances.2 ? up : corner
    }
}

/// RFC 1951.
private struct Inflater {
    private let bytes: [UInt8]
    private var at = 0
    private var output: [UInt8] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func inflate() throws -> [UInt8] {
        var isLast = false
        while !isLast {
            isLast = try bits(1) == 1
            switch try bits(2) {
            case 0: try copyStored()
            case 1:
                let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
                try expand(Huffman(lengths), Huffman([Int](repeating: 5, count: 30)))
            case 2:
                let (literals, distances) = try readTables()
                try expand(literals, distances)
            default: throw PNG.Unreadable()
            }
        }
        return output
    }

    private mutating func bits(_ count: Int) throws -> Int {
        var value = 0
        for place in 0..<count {
            guard at / 8 < bytes.count else { throw PNG.Unreadable() }
            value |= (Int(bytes[at / 8]) >> (at % 8) & 1) << place
            at += 1
        }
        return value
    }

    private mutating func copyStored() throws {
        at = (at + 7) / 8 * 8
        let length = try bits(16)
        _ = try bits(16)
        for _ in 0..<length { output.append(UInt8(try bits(8))) }
    }

    private mutating func nextSymbol(_ table: Huffman) throws -> Int {
        var (code, length) = (0, 0)
        while length < 15 {
            code = code << 1 | (try bits(1))
            length += 1
            if let symbol = table.symbols[[length, code]] { return symbol }
        }
        throw PNG.Unreadable()
    }

    private mutating func readTables() throws -> (Huffman, Huffman) {
        let literals = try bits(5) + 257
        let distances = try bits(5) + 1
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var codeLengths = [Int](repeating: 0, count: order.count)
        for place in 0..<(try bits(4) + 4) { codeLengths[order[place]] = try bits(3) }
        let codes = Huffman(codeLengths)
        var lengths: [Int] = []
        while lengths.count < literals + distances {
            let symbol = try nextSymbol(codes)
            switch symbol {
            case 16:
                guard let last = lengths.last else { throw PNG.Unreadable() }
                lengths += [Int](repeating: last, count: try bits(2) + 3)
            case 17: lengths += [Int](repeating: 0, count: try bits(3) + 3)
            case 18: lengths += [Int](repeating: 0, count: try bits(7) + 11)
            default: lengths.append(symbol)
            }
        }
        return (Huffman(Array(lengths[..<literals])), Huffman(Array(lengths[literals...])))
    }

    private mutating func expand(_ literals: Huffman, _ distances: Huffman) throws {
        while true {
            let symbol = try nextSymbol(literals)
            if symbol == 256 { return }
            if symbol < 256 {
                output.append(UInt8(symbol))
                continue
            }
            let length = try extended(symbol - 257, group: 4, first: 3, exception: 28)
            let distance = try extended(
                try nextSymbol(distances), group: 2, first: 1, exception: -1)
            guard distance <= output.count else { throw PNG.Unreadable() }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }

    /// The tables of section 3.2.5 follow a rule: each `group` of codes has one more extra bit.
    private mutating func extended(
        _ code: Int, group: Int, first: Int, exception: Int
    ) throws -> Int {
        if code == exception { return 258 }
        if code < 2 * group { return first + code }
        let extra = code / group - 1
        return first + ((group + code % group) << extra) + (try bits(extra))
    }
}

/// Codes of section 3.2.2, by their length and value.
private struct Huffman {
    private(set) var symbols: [[Int]: Int] = [:]

    init(_ lengths: [Int]) {
        var code = 0
        for length in 1...15 {
            for (symbol, own) in lengths.enumerated() where own == length {
                symbols[[length, code]] = symbol
                code += 1
            }
            code <<= 1
        }
    }
}
