import Foundation

/// Why a photo cannot be used, by words that the Kotlin app and the fixtures share.
public enum PhotoProblem: String, Error, Sendable {
    /// Its decoders differ from device to device, and Python has none.
    case heif
    /// Of 16 bits a channel: systems round them where Python cuts them off.
    case deep
    case unknown
    case damaged
    /// One side beyond 64 times the other: it would grow without bounds when it is resized.
    case narrow
    case large
}

extension PhotoProblem: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .heif: "The photo is HEIF, which is not supported: save it as JPEG."
        case .deep: "The photo has 16 bits for each colour: save it with 8."
        case .unknown: "This is no photo of a kind that the app reads: save it as JPEG."
        case .damaged: "The photo is damaged or incomplete: take another one."
        case .narrow: "The photo is far longer than wide, or wider than long: crop it."
        case .large: "The photo has more than 100 megapixels: take a smaller one."
        }
    }
}

/// What a photo's file says before it is decoded: how it becomes upright, if we take it at all.
///
/// The rules are those of `deploy/photos/images.py`, and tests/fixtures/photos holds what Python,
/// Kotlin and Swift agree on.
public enum PhotoHeader {
    private static let mostPixels = 100_000_000
    private static let mostAspect = 64
    /// 16 MB of pixels as the system keeps them, and still far more than a network looks at.
    private static let enoughPixels = 4_000_000
    private static let orientationTag = 0x0112
    private static let exifMark = Array("Exif\0\0".utf8)

    /// How the photo in `file` becomes upright. Throws `PhotoProblem` for what is refused.
    public static func orientation(_ file: Data) throws -> Orientation {
        let bytes = Bytes(file)
        let exif: Bytes?
        if bytes.has([0xff, 0xd8, 0xff], at: 0) {
            exif = exifOfJPEG(bytes)
        } else if bytes.has([0x89] + Array("PNG\r\n\u{1a}\n".utf8), at: 0) {
            exif = try exifOfPNG(bytes)
        } else if bytes.has("RIFF", at: 0), bytes.has("WEBP", at: 8) {
            exif = exifOfWebP(bytes)
        } else if bytes.has("II*\0", at: 0) || bytes.has("MM\0*", at: 0) {
            exif = bytes
        } else if bytes.has("BM", at: 0) || bytes.has("GIF87a", at: 0)
            || bytes.has("GIF89a", at: 0)
        {
            exif = nil
        } else {
            throw bytes.has("ftyp", at: 4) ? PhotoProblem.heif : PhotoProblem.unknown
        }
        return Orientation(exif: exif.map(tag))
    }

    /// Throws `PhotoProblem` for a picture of such sides in pixels that we do not decode.
    public static func check(width: Int, height: Int) throws {
        guard width > 0, height > 0 else { throw PhotoProblem.damaged }
        guard width <= mostPixels / height else { throw PhotoProblem.large }
        guard max(width, height) <= mostAspect * min(width, height) else {
            throw PhotoProblem.narrow
        }
    }

    /// By what power of two to subsample a photo while it is decoded, as Android does.
    public static func subsampling(width: Int, height: Int) -> Int {
        var factor = 1
        while (width / factor) * (height / factor) > enoughPixels { factor *= 2 }
        return factor
    }

    /// ITU-T T.81, annex B: markers, each with its length, up to the first scan.
    private static func exifOfJPEG(_ file: Bytes) -> Bytes? {
        var at = 2
        while at + 4 <= file.count, file[at] == 0xff {
            let marker = file[at + 1]
            if marker == 0xff {
                at += 1
                continue
            }
            if marker == 0xda || marker == 0xd9 { return nil }
            let length = file.number(at: at + 2, count: 2, isLittle: false)
            let end = at + 2 + length
            if length < 2 || end > file.count { return nil }
            let content = file.part(from: at + 4, to: end)
            if marker == 0xe1, content.has(exifMark, at: 0) { return content }
            at = end
        }
        return nil
    }

    /// PNG (third edition), 5.3: chunks up to the end, EXIF before the pixels or behind them.
    private static func exifOfPNG(_ file: Bytes) throws -> Bytes? {
        var at = 8
        while at + 12 <= file.count {
            let length = file.number(at: at, count: 4, isLittle: false)
            if length > file.count - at - 12 { return nil }
            if file.has("IHDR", at: at + 4), length >= 9, file[at + 16] == 16 {
                throw PhotoProblem.deep
            }
            if file.has("eXIf", at: at + 4) { return file.part(from: at + 8, to: at + 8 + length) }
            at += 12 + length
        }
        return nil
    }

    /// WebP's container: chunks of RIFF, padded to even lengths.
    private static func exifOfWebP(_ file: Bytes) -> Bytes? {
        var at = 12
        while at + 8 <= file.count {
            let length = file.number(at: at + 4, count: 4, isLittle: true)
            if length > file.count - at - 8 { return nil }
            if file.has("EXIF", at: at) { return file.part(from: at + 8, to: at + 8 + length) }
            at += 8 + length + length % 2
        }
        return nil
    }

    /// The orientation's number in `exif`, a TIFF 6.0; 1 where it has none that can be read.
    private static func tag(_ exif: Bytes) -> Int {
        var bytes = exif
        // Cameras put the mark of JPEG before it in other formats too.
        while bytes.has(exifMark, at: 0) {
            bytes = bytes.part(from: exifMark.count, to: bytes.count)
        }
        let isLittle = bytes.has("II*\0", at: 0)
        guard isLittle || bytes.has("MM\0*", at: 0), bytes.count >= 8 else { return 1 }
        let table = bytes.number(at: 4, count: 4, isLittle: isLittle)
        guard table + 2 <= bytes.count else { return 1 }
        for entry in 0..<bytes.number(at: table, count: 2, isLittle: isLittle) {
            let at = table + 2 + 12 * entry
            guard at + 12 <= bytes.count else { return 1 }
            guard bytes.number(at: at, count: 2, isLittle: isLittle) == orientationTag else {
                continue
            }
            // Of a byte, a short or a long.
            let sizes = [1: 1, 3: 2, 4: 4]
            guard let size = sizes[bytes.number(at: at + 2, count: 2, isLittle: isLittle)],
                bytes.number(at: at + 4, count: 4, isLittle: isLittle) == 1
            else { return 1 }
            return bytes.number(at: at + 8, count: size, isLittle: isLittle)
        }
        return 1
    }
}

/// Bytes by their place from 0 on.
private struct Bytes {
    private let data: Data

    init(_ data: Data) {
        self.data = data
    }

    var count: Int { data.count }

    subscript(place: Int) -> UInt8 { data[data.startIndex + place] }

    func part(from begin: Int, to end: Int) -> Bytes {
        Bytes(data[data.startIndex + begin..<data.startIndex + end])
    }

    func has(_ wanted: [UInt8], at place: Int) -> Bool {
        place + wanted.count <= count
            && wanted.indices.allSatisfy { self[place + $0] == wanted[$0] }
    }

    func has(_ wanted: String, at place: Int) -> Bool {
        has(Array(wanted.utf8), at: place)
    }

    func number(at place: Int, count: Int, isLittle: Bool) -> Int {
        (0..<count).reduce(0) { $0 << 8 | Int(self[place + (isLittle ? count - 1 - $1 : $1)]) }
    }
}
