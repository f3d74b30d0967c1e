import Foundation
import MobileDeployCore
import MobileDeployRuntime

/// What the network says of a photo, ready for the screen.
struct Recognition: Equatable, Sendable {
    struct Line: Equatable, Identifiable, Sendable {
        let id: Int
        let label: String
        let probability: Double
    }

    /// The best classes, best first.
    let lines: [Line]
    let times: FrameTimes
}

/// Owns the one classifier in use. Its work is done on a queue of its own, where it may block.
actor ClassificationService {
    private struct Loaded {
        let arm: Arm
        let preprocessing: Preprocessing
        let classifier: any Classifier
    }

    private static let shown = 5

    private let queue = DispatchSerialQueue(
        label: "dev.mobiledeploy.demo.classification", qos: .userInitiated)
    private let stopwatch = Stopwatch()
    private var wanted: Arm?
    private var loaded: Loaded?

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Load `arm` in place of what there was. Throws `BundleProblem` or `RunnerError`.
    func load(_ arm: Arm) async throws {
        wanted = arm
        if loaded?.arm == arm { return }
        loaded = nil
        let file = try await Classifiers.file(for: arm)
        // Another one may have been chosen meanwhile.
        guard wanted == arm else { return }
        loaded = Loaded(
            arm: arm,
            preprocessing: arm.bundle.manifest.preprocessing,
            classifier: try Classifiers.open(arm, file: file)
        )
    }

    func unload() {
        wanted = nil
        loaded = nil
    }

    /// Free the network's memory. The next photo loads it again.
    func release() {
        loaded = nil
    }

    /// The best classes of an upright photo; nil while nothing is to be loaded. `conversion` is how
    /// many milliseconds it took to come so far.
    func recognize(_ photo: RGBImage, conversion: Double = 0) async throws -> Recognition? {
        if loaded == nil, let wanted { try await load(wanted) }
        guard let loaded else { return nil }
        let cropped = stopwatch.time { loaded.preprocessing.crop(photo) }
        let taken = try stopwatch.time { try loaded.classifier.prepare(cropped.value) }
        let ran = try stopwatch.time { try loaded.classifier.run() }
        let labels = loaded.arm.bundle.labels
        let best = try stopwatch.time {
            try loaded.classifier.logits().top(ClassificationService.shown)
        }
        return Recognition(
            lines: best.value.map {
                Recognition.Line(id: $0.index, label: labels[$0.index], probability: $0.probability)
            },
            times: FrameTimes(
                crop: Double(cropped.ns) / 1e6, input: Double(taken.ns) / 1e6,
                network: Double(ran.ns) / 1e6,
                rest: conversion + Double(best.ns) / 1e6)
        )
    }

    /// The golden photos in `arm`, against the float network's answers that the bundle holds.
    func prove(_ arm: Arm) async throws -> GoldenComparison {
        try await load(arm)
        guard let loaded, loaded.arm == arm else { throw CancellationError() }
        let bundle = loaded.arm.bundle
        let answers = try bundle.manifest.golden.photos.indices.map { index in
            try loaded.classifier.classify(bundle.goldenCrop(index))
        }
        return GoldenComparison(reference: try bundle.floatLogits().rows, candidate: answers)
    }
}
