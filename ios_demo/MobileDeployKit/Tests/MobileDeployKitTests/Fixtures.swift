import Foundation
import MobileDeployCore
import XCTest

/// The files on which Python, Kotlin and Swift agree. They are read where they lie in the
/// repository, which is found from this file's own path.
enum Fixtures {
    static let folder = repository.appendingPathComponent("tests/fixtures")

    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent()  // MobileDeployKitTests
        .deletingLastPathComponent()  // Tests
        .deletingLastPathComponent()  // MobileDeployKit
        .deletingLastPathComponent()  // ios_demo
        .deletingLastPathComponent()

    static func data(_ path: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent(path))
    }

    static func json<Value: Decodable>(_ path: String, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: data(path))
    }

    static func picture(_ path: String) throws -> RGBImage {
        try PNG.decode(data(path))
    }
}

/// A folder that is gone when the test ends.
func temporaryFolder(for test: XCTestCase) throws -> URL {
    let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("MobileDeployKit-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    test.addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
    return folder
}
