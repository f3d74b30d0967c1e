import MobileDeployCore
import XCTest

final class PreprocessingTests: XCTestCase {
    private struct Sizes: Decodable {
        let resize: [Int]
        let crop: [Int]
    }

    private struct Normalized: Decodable {
        let height: Int
        let width: Int
        let rgb: Data
        let scale: Double
        let mean: [Double]
        let std: [Double]
        let input: Data
    }

    private static let pictures = [
        "enlarged", "not_square", "odd", "one_pixel_wide", "same_size", "tall", "wide",
    ]

    private func preprocessing(_ sizes: Sizes) -> Preprocessing {
        Preprocessing(
            resize: PixelSize(height: sizes.resize[0], width: sizes.resize[1]),
            crop: PixelSize(height: sizes.crop[0], width: sizes.crop[1]),
            scale: 1,
            mean: [0, 0, 0],
            std: [1, 1, 1]
        )
    }

    func testCropsAreThoseOfPythonToTheByte() throws {
        for name in PreprocessingTests.pictures {
            let sizes = try Fixtures.json("preprocessing/\(name).json", as: Sizes.self)
            let image = try Fixtures.picture("preprocessing/\(name).png")
            let crop = preprocessing(sizes).crop(image)
            XCTAssertEqual(crop.size, PixelSize(height: sizes.crop[0], width: sizes.crop[1]), name)
            let expected = try [UInt8](Fixtures.data("preprocessing/\(name).rgb"))
            XCTAssertEqual(crop.pixels, expected, name)
        }
    }

    private struct Seen: Decodable {
        let width: Int
        let height: Int
        let resize: [Int]
        let crop: [Int]
        let part: [Double]
    }

    func testThePartThatTheNetworkSeesIsTold() throws {
        for each in try Fixtures.json("photos/seen.json", as: [Seen].self) {
            let part = preprocessing(Sizes(resize: each.resize, crop: each.crop))
                .part(of: PixelSize(height: each.height, width: each.width))
            let found = [part.left, part.top, part.width, part.height]
            for (one, other) in zip(found, each.part) {
                XCTAssertEqual(one, other, accuracy: 1e-11)
            }
        }
    }

    func testNoPictureOfTheFolderIsLeftOut() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Fixtures.folder.appendingPathComponent("preprocessing").path)
        let pictures = files.filter { $0.hasSuffix(".png") }.map { String($0.dropLast(4)) }
        XCTAssertEqual(pictures.sorted(), PreprocessingTests.pictures)
    }

    func testNormalizedValuesAreThoseOfPythonToTheBit() throws {
        let facts = try Fixtures.json("preprocessing/normalized.json", as: Normalized.self)
        let size = PixelSize(height: facts.height, width: facts.width)
        let preprocessing = Preprocessing(
            resize: size, crop: size, scale: facts.scale, mean: facts.mean, std: facts.std)
        var values = [Float](repeating: .nan, count: size.height * size.width * 3)
        values.withUnsafeMutableBufferPointer {
            preprocessing.normalize(RGBImage(size: size, pixels: [UInt8](facts.rgb)), into: $0)
        }
        let bytes = values.flatMap { value in
            withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) }
        }
        XCTAssertEqual(bytes, [UInt8](facts.input))
    }

    func testEveryOrientationOfExifBecomesUpright() throws {
        let upright = try [UInt8](Fixtures.data("exif/upright.rgb"))
        for number in 1...8 {
            let image = Orientation(exif: number).apply(
                to: try Fixtures.picture("exif/\(number).png"))
            XCTAssertEqual(image.size, PixelSize(height: 5, width: 7), "\(number)")
            XCTAssertEqual(image.pixels, upright, "\(number)")
        }
    }

    func testAnOrientationThatExifDoesNotKnowIsUpright() {
        for number in [nil, 0, 9, -1] { XCTAssertEqual(Orientation(exif: number), .upright) }
    }

    func testPixelsSurviveTheFormatsOfTheSystem() {
        let size = PixelSize(height: 2, width: 3)
        let image = RGBImage(size: size, pixels: (0..<18).map { UInt8($0 * 14) })
        for order in [PixelOrder.bgra, .rgba] {
            // A row is longer than its pixels.
            var stored = [UInt8](repeating: 7, count: 2 * 20)
            stored.withUnsafeMutableBytes { image.copy(to: $0, order: order, bytesPerRow: 20) }
            let copy = stored.withUnsafeBytes {
                RGBImage(copying: $0, order: order, size: size, bytesPerRow: 20)
            }
            XCTAssertEqual(copy, image)
            XCTAssertEqual(stored[order == .bgra ? 2 : 0], image.pixels[0], "red")
            XCTAssertEqual(stored[3], 255, "opaque")
            XCTAssertEqual(Array(stored[12..<20]), [UInt8](repeating: 7, count: 8), "padding")
        }
    }

    func testAGreyPixelIsAsMuchRedGreenAndBlue() {
        // The last row need not be padded.
        let stored: [UInt8] = [1, 2, 99, 99, 3, 4]
        let image = stored.withUnsafeBytes {
            RGBImage(copyingGrey: $0, size: PixelSize(height: 2, width: 2), bytesPerRow: 4)
        }
        XCTAssertEqual(image.pixels, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])
    }

    private struct Inks: Decodable {
        let cmyk: Data
        let rgb: Data
    }

    func testInksBecomeTheColoursThatPillowMakesOfThem() throws {
        let inks = try Fixtures.json("photos/cmyk.json", as: Inks.self)
        let size = PixelSize(height: inks.cmyk.count / 4, width: 1)
        for inverted in [false, true] {
            let stored = inks.cmyk.map { inverted ? 255 - $0 : $0 }
            let image = stored.withUnsafeBytes {
                RGBImage(copyingInks: $0, inverted: inverted, size: size, bytesPerRow: 4)
            }
            XCTAssertEqual(image.pixels, [UInt8](inks.rgb))
        }
    }

    func testPixelsAreBytesLess128WithAlpha() {
        let size = PixelSize(height: 1, width: 2)
        let preprocessing = Preprocessing(
            resize: size, crop: size, scale: 1, mean: [0, 0, 0], std: [1, 1, 1])
        var bytes = [Int8](repeating: 0, count: 8)
        let crop = RGBImage(size: size, pixels: [0, 1, 127, 128, 200, 255])
        bytes.withUnsafeMutableBufferPointer { preprocessing.copy(crop, into: $0) }
        XCTAssertEqual(bytes, [-128, -127, -1, 127, 0, 72, 127, 127])
    }
}
