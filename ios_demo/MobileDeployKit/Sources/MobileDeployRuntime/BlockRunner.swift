import Foundation
import MobileDeployCore

/// What a measurement must know of the device. A test gives its own.
public protocol Surroundings: Sendable {
    /// How the device is now, `seconds` into the session.
    func conditions(at seconds: Double) async -> Conditions

    /// The system's word on heat: nominal 0, fair 1, serious 3, critical 4.
    func thermalStatus() -> Int?

    /// Bytes that count against the app's limit.
    func footprint() -> Int?
}

/// One block: load, first inference, warm-up, timed inferences, golden answers, and what the app
/// does before the network.
///
/// An app cannot start a fresh process for each block, as the harness does on Android. A block here
/// begins with a fresh load, and memory is the app's.
public struct BlockRunner: Sendable {
    let stopwatch: Stopwatch
    let surroundings: any Surroundings
    let appVersion: String

    public init(stopwatch: Stopwatch, surroundings: any Surroundings, appVersion: String) {
        self.stopwatch = stopwatch
        self.surroundings = surroundings
        self.appVersion = appVersion
    }

    /// Never throws: what goes wrong is an answer too. `crops` are the golden photos to answer, of
    /// which the first is timed; there is at least one. `preprocessing` is there where what is
    /// before the network is to be timed.
    public func run(
        id: String, settings: BenchmarkSettings, crops: [RGBImage],
        preprocessing: Preprocessing? = nil, open: () throws -> any Classifier
    ) -> Answer {
        do {
            return try measure(
                id: id, settings: settings, crops: crops, preprocessing: preprocessing, open: open)
        } catch {
            return Answer(id: id, failure: RunnerError(error))
        }
    }

    private func measure(
        id: String, settings: BenchmarkSettings, crops: [RGBImage],
        preprocessing: Preprocessing?, open: () throws -> any Classifier
    ) throws -> Answer {
        let heatBefore = ThermalReading(status: surroundings.thermalStatus())
        let memoryBefore = surroundings.footprint()
        let (classifier, loadNs) = try stopwatch.time { try open() }
        try classifier.prepare(crops[0])
        let firstNs = try stopwatch.time { try classifier.run() }.ns
        let loaded = surroundings.footprint()
        for _ in 0..<settings.warmup { try classifier.run() }
        let iterationsNs = try (0..<settings.iterations).map { _ in
            try stopwatch.time { try classifier.run() }.ns
        }
        let heatAfter = ThermalReading(status: surroundings.thermalStatus())
        let peak = [memoryBefore, loaded, surroundings.footprint()].compactMap { $0 }.max()
        let answers = try crops.enumerated().map { index, crop in
            GoldenAnswer(index: index, logits: try classifier.classify(crop))
        }
        // The last of all: it is to disturb nothing that was timed.
        let preparation = try preprocessing.map { try prepare($0, classifier) }
        return Answer(
            id: id,
            runner: RunnerFacts(
                version: appVersion,
                runtime: classifier.runtime.name,
                runtimeVersion: classifier.runtime.version
            ),
            loadNs: loadNs,
            firstNs: firstNs,
            iterationsNs: iterationsNs,
            thermal: (heatBefore, heatAfter),
            memory: (memoryBefore, peak),
            logits: answers,
            preparation: preparation
        )
    }

    /// As the camera's frames are: upright, of the size that the app asks the camera for.
    private static let picture = PixelSize(height: 1280, width: 720)
    private static let pictures = (warmup: 10, timed: 20)

    /// A picture that is made up: no step takes longer for one than for another.
    private func prepare(
        _ preprocessing: Preprocessing, _ classifier: any Classifier
    ) throws -> PreparationTimes {
        let size = BlockRunner.picture
        let bytes = size.height * size.width * RGBImage.channels
        let photo = RGBImage(
            size: size, pixels: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 * 37) })
        let (warmup, timed) = BlockRunner.pictures
        let times = try (0..<warmup + timed).map { _ in
            let (crop, cropNs) = stopwatch.time { preprocessing.crop(photo) }
            return (cropNs, try stopwatch.time { try classifier.prepare(crop) }.ns)
        }.dropFirst(warmup)
        return PreparationTimes(picture: size, cropNs: times.map(\.0), inputNs: times.map(\.1))
    }
}

extension RunnerError {
    /// What an answer says of anything that was thrown.
    fileprivate init(_ error: any Error) {
        let text = error.localizedDescription
        switch error {
        case let own as RunnerError: self = own
        case BundleProblem.missing: self.init(kind: .fileMissing, text: text)
        case BundleProblem.altered: self.init(kind: .fileDiffers, text: text)
        default: self.init(kind: .runFailed, text: text)
        }
    }
}
