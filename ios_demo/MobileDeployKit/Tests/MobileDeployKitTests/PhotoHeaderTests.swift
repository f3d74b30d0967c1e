import MobileDeployCore
import XCTest

final class PhotoHeaderTests: XCTestCase {
    private struct PhotoFile: Decodable {
        let name: String
        let file: Data
        let orientation: Int
        let fault: String?
    }

    private struct Sides: Decodable {
        let width: Int
        let height: Int
        let fault: String?
        let subsampled: Int
    }

    func testFilesAreTakenAndTurnedAsPythonDoesOrRefusedByName() throws {
        for each in try Fixtures.json("photos/files.json", as: [PhotoFile].self) {
            guard let fault = each.fault else {
                XCTAssertEqual(
                    try PhotoHeader.orientation(each.file), Orientation(exif: each.orientation),
                    each.name)
                continue
            }
            XCTAssertThrowsError(try PhotoHeader.orientation(each.file), each.name) { error in
                XCTAssertEqual((error as? PhotoProblem)?.rawValue, fault, each.name)
            }
        }
    }

    func testNoFileCutShortOrAlteredEndsInAnythingButAnAnswer() throws {
        for each in try Fixtures.json("photos/files.json", as: [PhotoFile].self) {
            for place in each.file.indices {
                _ = try? PhotoHeader.orientation(each.file[..<place])
                for value: UInt8 in [0x00, 0x7f, 0xff] {
                    var altered = each.file
                    altered[place] = value
                    _ = try? PhotoHeader.orientation(altered)
                }
            }
        }
    }

    func testSidesAreRefusedAndSubsampledAsEverywhere() throws {
        for each in try Fixtures.json("photos/sides.json", as: [Sides].self) {
            let (width, height) = (each.width, each.height)
            let size = "\(width) x \(height)"
            var fault: String?
            do {
                try PhotoHeader.check(width: width, height: height)
            } catch {
                fault = (error as? PhotoProblem)?.rawValue
            }
            XCTAssertEqual(fault, each.fault, size)
            XCTAssertEqual(
                PhotoHeader.subsampling(width: width, height: height), each.subsampled, size)
        }
    }
}
