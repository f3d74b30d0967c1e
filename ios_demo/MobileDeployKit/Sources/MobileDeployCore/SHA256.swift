#if canImport(CryptoKit)
import CryptoKit
#endif
import Foundation

/// SHA-256 of FIPS 180-4: the system's where it has one, which is quick in a Debug build too.
public struct SHA256 {
    #if canImport(CryptoKit)
    private var hash = CryptoKit.SHA256()
    #else
    private var hash = PortableSHA256()
    #endif

    public init() {}

    public mutating func update(_ data: Data) {
        hash.update(data: data)
    }

    /// 64 lower-case hex digits of all that was given to `update`.
    public func finish() -> String {
        hash.finalize()
            .map { byte in
                let text = String(byte, radix: 16)
                return text.count == 1 ? "0" + text : text
            }
            .joined()
    }
}

/// The same in Swift alone, for systems without CryptoKit.
struct PortableSHA256 {
    private static let blockBytes = 64
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
        0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    init() {}

    mutating func update(data: Data) {
        length += UInt64(data.count)
        pending.append(contentsOf: data)
        let whole = pending.count - pending.count % PortableSHA256.blockBytes
        compress(pending[..<whole])
        pending.removeFirst(whole)
    }

    /// The 32 bytes of all that was given to `update`.
    func finalize() -> [UInt8] {
        var last = self
        let zeros = (119 - pending.count) % PortableSHA256.blockBytes
        let bits = length &* 8
        last.pending.append(0x80)
        last.pending.append(contentsOf: repeatElement(0, count: zeros))
        last.pending.append(
            contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) })
        last.compress(last.pending[...])
        return last.state.flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
        }
    }

    private mutating func compress(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBufferPointer { source in
            PortableSHA256.constants.withUnsafeBufferPointer { constants in
                var words = [UInt32](repeating: 0, count: 64)
                for start in stride(from: 0, to: source.count, by: PortableSHA256.blockBytes) {
                    PortableSHA256.compress(
                        source, from: start, words: &words, constants: constants, into: &state)
                }
            }
        }
    }

    private static func compress(
        _ source: UnsafeBufferPointer<UInt8>,
        from start: Int,
        words: inout [UInt32],
        constants: UnsafeBufferPointer<UInt32>,
        into state: inout [UInt32]
    ) {
        for index in 0..<16 {
            let at = start + 4 * index
            words[index] =
                UInt32(source[at]) << 24 | UInt32(source[at + 1]) << 16
                | UInt32(source[at + 2]) << 8 | UInt32(source[at + 3])
        }
        for index in 16..<64 {
            let (early, late) = (words[index - 15], words[index - 2])
            let first = rotate(early, 7) ^ rotate(early, 18) ^ early >> 3
            let second = rotate(late, 17) ^ rotate(late, 19) ^ late >> 10
            words[index] = words[index - 16] &+ first &+ words[index - 7] &+ second
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let mixed = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            let chosen = (e & f) ^ (~e & g)
            let one = h &+ mixed &+ chosen &+ constants[index] &+ words[index]
            let majority = (a & b) ^ (a & c) ^ (b & c)
            let two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ majority
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ one, c, b, a, one &+ two)
        }
        for (index, value) in [a, b, c, d, e, f, g, h].enumerated() {
            state[index] = state[index] &+ value
        }
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word >> count | word << (32 - count)
    }

    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
        0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
        0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
        0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
        0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
        0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
        0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
        0xc671_78f2,
    ]
}

extension SHA256 {
    private static let chunkBytes = 1 << 20

    public static func hex(of data: Data) -> String {
        var hash = SHA256()
        hash.update(data)
        return hash.finish()
    }

    /// Of a file, a piece at a time. Throws where it cannot be read.
    public static func hex(ofFile file: URL) throws -> String {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        var hash = SHA256()
        while let data = try handle.read(upToCount: chunkBytes), !data.isEmpty {
            hash.update(data)
        }
        return hash.finish()
    }

    /// Of the text that `find . -type f | LC_ALL=C sort | xargs sha256sum` prints in a folder.
    public static func hex(ofFolder folder: URL) throws -> String {
        let manager = FileManager.default
        let names = try manager.subpathsOfDirectory(atPath: folder.path).filter { name in
            var isFolder: ObjCBool = false
            let path = folder.appendingPathComponent(name).path
            return manager.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
        }
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var text = ""
        for name in sorted {
            text += try hex(ofFile: folder.appendingPathComponent(name)) + "  ./\(name)\n"
        }
        return hex(of: Data(text.utf8))
    }
}
