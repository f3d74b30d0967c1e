#if canImport(ImageIO)
import MobileDeployCore
import MobileDeployRuntime
import XCTest

/// What only Apple's own decoder can show, and so only a Mac.
final class PhotoDecoderTests: XCTestCase {
    func testPicturesAreDecodedToTheByte() throws {
        for name in ["odd", "wide", "one_pixel_wide"] {
            let path = "preprocessing/\(name).png"
            let expected = try Fixtures.picture(path)
            XCTAssertEqual(try PhotoDecoder.decode(Fixtures.data(path)), expected, name)
        }
    }

    func testOrientationIsApplied() throws {
        let upright = try [UInt8](Fixtures.data("exif/upright.rgb"))
        for number in 1...8 {
            let image = try PhotoDecoder.decode(Fixtures.data("exif/\(number).png"))
            XCTAssertEqual(image.pixels, upright, "\(number)")
        }
    }

    func testGreysAreThoseOfTheFile() throws {
        // 16 by 16 pixels, each a step brighter than the one before, in a PNG of one channel.
        let file =
            "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAF0lEQVR42mNkYEQDAmh8luEswPgB"
            + "jQ8AKncC+Ca+qnoAAAAASUVORK5CYII="
        let image = try PhotoDecoder.decode(XCTUnwrap(Data(base64Encoded: file)))
        XCTAssertEqual(image.pixels, (0...255).flatMap { [UInt8](repeating: $0, count: 3) })
    }

    func testWhatIsNoPhotoIsRefused() {
        XCTAssertThrowsError(try PhotoDecoder.decode(Data("no photo".utf8))) { error in
            XCTAssertEqual(error as? PhotoProblem, .unknown)
        }
    }
}
#endif
