import Foundation

/// A pack that is refused, by a word that the Kotlin app and the fixtures share, and in a line for
/// the screen that names what is wrong.
public struct PackProblem: Error, Equatable, Sendable {
    public enum Fault: String, Sendable {
        case noPack = "no-pack"
        case compressed
        case path
        case link
        case twice
        case size
        case hash
        case missing
        case schema
        case manifest
    }

    public let fault: Fault
    public let text: String

    init(_ fault: Fault, _ text: String) {
        self.fault = fault
        self.text = text
    }
}

extension PackProblem: LocalizedError {
    public var errorDescription: String? { "The file was not imported: \(text)." }
}

/// A bundle as one .zip, as `mobile-deploy pack` writes it and no other tool does.
///
/// Entries are stored as they are, one behind the other without a gap, and told alike in both
/// places that tell of them (APPNOTE 6.3.10): so no two lie in the same bytes, and a size is known before
/// anything is read. Nothing of it is a path on this device before it has been checked.
struct Pack {
    /// What the bundle is called.
    let bundle: String
    private let entries: [String: PackEntry]
    private let data: Data

    /// Of a file's bytes, which may be mapped. Throws `PackProblem`.
    init(_ data: Data) throws {
        let found = try PackReader(data).entries()
        let bundle = String(found[0].name.prefix { $0 != "/" })
        var entries: [String: PackEntry] = [:]
        var spelled: Set<String> = []
        for entry in found {
            let path = String(entry.name.dropFirst(bundle.count + 1))
            guard entry.name == "\(bundle)/\(path)", PackName.isBundle(bundle),
                PackName.isPath(path)
            else {
                let name = PackName.shown(entry.name)
                throw PackProblem(.path, "the name \(name) is none that a bundle holds")
            }
            // File systems may not tell A from a.
            guard spelled.insert(path.lowercased()).inserted else {
                throw PackProblem(.twice, "\(path) is there twice")
            }
            entries[path] = entry
        }
        guard entries["manifest.json"] != nil else {
            throw PackProblem(.noPack, "it has no manifest.json")
        }
        self.bundle = bundle
        self.entries = entries
        self.data = data
    }

    /// Paths in the bundle, each with the size of its file in bytes.
    var sizes: [String: Int] { entries.mapValues(\.size) }

    /// The bytes of one of them; nil where it is not there.
    func bytes(of path: String) -> Data? {
        entries[path].map { data[$0.begin..<$0.begin + $0.size] }
    }
}

/// What names a pack may hold.
enum PackName {
    private static let longest = 255
    private static let longestBundle = 100

    static func isBundle(_ text: String) -> Bool {
        isPart(text[...]) && text.first != "_" && text.utf8.count <= longestBundle
    }

    static func isPath(_ text: String) -> Bool {
        text.utf8.count <= longest
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isPart)
    }

    /// A stranger's name, for a message.
    static func shown(_ name: String) -> String {
        String(
            name.unicodeScalars.prefix(100).map { scalar in
                (0x20...0x7e).contains(scalar.value) ? Character(scalar) : "?"
            })
    }

    private static func isPart(_ text: Substring) -> Bool {
        !text.isEmpty && text.first != "." && text.first != "-"
            && text.unicodeScalars.allSatisfy {
                switch $0 {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": true
                default: false
                }
            }
    }
}

struct PackEntry {
    let name: String
    let size: Int
    let begin: Int
}

/// Reads the table of a .zip that must be of our own form.
private struct PackReader {
    private static let endBytes = 22
    private static let centralBytes = 46
    private static let localBytes = 30
    private static let utf8: UInt16 = 0x800
    private static let unix = 3
    private static let mostEntries = 10_000

    private let data: Data

    init(_ data: Data) {
        self.data = data
    }

    func entries() throws -> [PackEntry] {
        let last = data.count - PackReader.endBytes
        guard last >= 0 else { throw noPack("it is no .zip") }
        var end = Cursor(data, at: last)
        guard try end.word() == 0x0605_4b50, try end.half() == 0, try end.half() == 0 else {
            throw noPack("it is no .zip of one part without a comment")
        }
        let (count, again) = (try end.half(), try end.half())
        let (size, begin) = (Int(try end.word()), Int(try end.word()))
        guard count == again, count > 0, count <= PackReader.mostEntries, try end.half() == 0,
            begin + size == last
        else { throw noPack("its table is wrong") }
        var table = Cursor(data, at: begin)
        var entries: [PackEntry] = []
        var at = 0
        for _ in 0..<count {
            let entry = try self.entry(&table, at: at, limit: begin)
            at = entry.begin + entry.size
            entries.append(entry)
        }
        guard table.at == last, at == begin else { throw noPack("its table does not end in order") }
        return entries
    }

    /// The next of `table`, which must begin `at` and end before `limit`.
    private func entry(_ table: inout Cursor, at: Int, limit: Int) throws -> PackEntry {
        guard try table.word() == 0x0201_4b50 else { throw noPack("its table is wrong") }
        let system = try table.half() >> 8
        _ = try table.half()
        let fields = try Fields(&table)
        let rest = [try table.half(), try table.half(), try table.half()]
        let mode = try table.word() >> 16 & 0xf000
        let begin = Int(try table.word())
        let name = try table.text(Int(fields.name), skipping: Int(fields.extra))
        let shown = PackName.shown(name)
        guard fields.method == 0 else {
            throw PackProblem(
                .compressed, "\(shown) is compressed: make the file with mobile-deploy pack")
        }
        guard fields.flags & ~PackReader.utf8 == 0, fields.extra == 0, rest[0] == 0, rest[1] == 0,
            fields.stored == fields.size, begin == at
        else { throw noPack("\(shown) is not stored as mobile-deploy pack does") }
        guard system == PackReader.unix, mode == 0x8000 else {
            throw PackProblem(.link, "\(shown) is a link or a folder, not a file")
        }
        let own = at + PackReader.localBytes + Int(fields.name)
        guard own + Int(fields.size) <= limit else {
            throw noPack("\(shown) reaches beyond the end")
        }
        var local = Cursor(data, at: at)
        guard try local.word() == 0x0403_4b50 else {
            throw noPack("\(shown) is not where the table says")
        }
        _ = try local.half()
        guard try Fields(&local) == fields, try local.text(Int(fields.name), skipping: 0) == name
        else { throw noPack("\(shown) is told in two ways") }
        return PackEntry(name: name, size: Int(fields.size), begin: own)
    }

    private func noPack(_ what: String) -> PackProblem {
        PackProblem(.noPack, "it is not a file of mobile-deploy pack: \(what)")
    }

    /// What both headers hold, in this order.
    private struct Fields: Equatable {
        let flags: UInt16
        let method: UInt16
        let sum: UInt32
        let stored: UInt32
        let size: UInt32
        let name: UInt16
        let extra: UInt16

        init(_ bytes: inout Cursor) throws {
            flags = try bytes.half()
            method = try bytes.half()
            // When: of no use to us.
            _ = try bytes.word()
            sum = try bytes.word()
            stored = try bytes.word()
            size = try bytes.word()
            name = try bytes.half()
            extra = try bytes.half()
        }
    }

    /// Little-endian numbers, one after the other.
    private struct Cursor {
        private let data: Data
        private(set) var at: Int

        init(_ data: Data, at: Int) {
            self.data = data
            self.at = at
        }

        mutating func half() throws -> UInt16 {
            try take(2).reversed().reduce(0) { $0 << 8 | UInt16($1) }
        }

        mutating func word() throws -> UInt32 {
            try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }

        /// One character a byte: what is not ASCII is refused as a path.
        mutating func text(_ count: Int, skipping extra: Int) throws -> String {
            let text = String(String.UnicodeScalarView(try take(count).map { Unicode.Scalar($0) }))
            _ = try take(extra)
            return text
        }

        private mutating func take(_ count: Int) throws -> Data {
            guard at >= 0, count <= data.count - at else {
                throw PackProblem(
                    .noPack, "it is not a file of mobile-deploy pack: its table is wrong")
            }
            let begin = data.startIndex + at
            at += count
            return data[begin..<begin + count]
        }
    }
}
