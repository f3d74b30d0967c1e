import MobileDeployCore
import XCTest

final class SHA256Tests: XCTestCase {
    func testTheExamplesOfTheStandard() {
        // NIST, Secure Hash Standard examples: empty, one block, two blocks.
        let examples = [
            "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ]
        for (text, hash) in examples { XCTAssertEqual(SHA256.hex(of: Data(text.utf8)), hash) }
    }

    func testPiecesOfAnyLengthGiveTheHashOfTheWhole() {
        let data = Data((0..<300).map { UInt8($0 % 251) })
        let whole = SHA256.hex(of: data)
        for length in [1, 55, 56, 63, 64, 65, 128] {
            var hash = SHA256()
            for begin in stride(from: 0, to: data.count, by: length) {
                hash.update(data[begin..<min(begin + length, data.count)])
            }
            XCTAssertEqual(hash.finish(), whole, "\(length)")
        }
    }

    func testAFolderHasTheHashThatTheShellPrints() throws {
        let folder = try temporaryFolder(for: self)
        let inner = folder.appendingPathComponent("Data/weights")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        try Data("a".utf8).write(to: folder.appendingPathComponent("Manifest.json"))
        try Data("b".utf8).write(to: folder.appendingPathComponent("Data/model.mlmodel"))
        try Data("c".utf8).write(to: inner.appendingPathComponent("weight.bin"))
        // find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum
        XCTAssertEqual(
            try SHA256.hex(ofFolder: folder),
            "a2233d7df2e73219e5e2620be6d816cf6eb65a1d42efce0b362d930c6495d9b8")
    }
}
