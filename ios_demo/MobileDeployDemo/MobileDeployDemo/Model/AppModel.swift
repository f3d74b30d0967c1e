import Foundation
import MobileDeployCore
import MobileDeployRuntime
import Observation

/// All that the screens show. They draw it, and call it; it alone changes.
@MainActor
@Observable
final class AppModel {
    /// Something that takes time and may fail.
    enum Loadable<Value: Sendable>: Sendable {
        case idle
        case working
        case done(Value)
        case failed(String)

        var isWorking: Bool {
            if case .working = self { true } else { false }
        }
    }

    /// The same, where there is nothing to show but that it is ready.
    enum Readiness: Sendable {
        case idle
        case working
        case ready
        case failed(String)
    }

    private(set) var bundles: [ModelBundle] = []
    /// Bundles that cannot be used, with the reason, and artifacts that cannot run here.
    private(set) var objections: [String] = []
    private(set) var arm: Arm?

    var loading: Readiness = .idle
    var live: Recognition?
    var liveTimes = RecentTimes()
    var camera: Readiness = .idle
    var photo: Loadable<PhotoResult> = .idle
    var proof: Loadable<GoldenComparison> = .idle
    var plan: Loadable<Forecast> = .idle
    var benchmark: Loadable<Export> = .idle
    var benchmarkProgress: BenchmarkProgress?
    var benchmarkTask: Task<Void, Never>?
    var benchmarkChoice = BenchmarkChoice()

    @ObservationIgnored let capture = CaptureService()
    @ObservationIgnored let classification = ClassificationService()

    /// Look into the app for bundles, and load the first artifact that runs here.
    func start() async {
        guard bundles.isEmpty, let resources = Bundle.main.resourceURL else { return }
        for found in ModelBundle.all(in: resources.appendingPathComponent("Bundles")) {
            do {
                bundles.append(try found.bundle.get())
            } catch {
                objections.append("\(found.name): \(error.localizedDescription)")
            }
        }
        // What stays behind costs room and does no harm.
        try? CompiledModels.standard().keepOnly(bundles.flatMap(\.manifest.artifacts))
        objections += bundles.flatMap { bundle in
            Classifiers.artifacts(of: bundle).compactMap(Classifiers.available.objection(to:))
        }
        if let first = bundles.flatMap({ choices(in: $0) }).first { await choose(first) }
    }

    /// Whether a network is loaded and may be asked: nothing may disturb a measurement.
    var isReady: Bool {
        if case .ready = loading { benchmarkTask == nil } else { false }
    }

    /// Whether nothing is under way that would disturb a measurement or be disturbed by it.
    var mayMeasure: Bool {
        if case .working = loading { return false }
        return benchmarkTask == nil && !proof.isWorking && !plan.isWorking && !arms.isEmpty
    }

    /// What can be run of a bundle.
    func choices(in bundle: ModelBundle) -> [Arm] {
        Classifiers.artifacts(of: bundle)
            .filter { Classifiers.available.objection(to: $0) == nil }
            .map { Arm(bundle: bundle, artifact: $0, units: $0.format == .coreml ? .all : nil) }
    }

    /// Load an artifact for the camera and for photos.
    func choose(_ chosen: Arm) async {
        arm = chosen
        live = nil
        liveTimes = RecentTimes()
        photo = .idle
        proof = .idle
        plan = .idle
        loading = .working
        do {
            try await classification.load(chosen)
            // Another one may have been chosen meanwhile.
            if arm == chosen { loading = .ready }
        } catch {
            if arm == chosen { loading = .failed(error.localizedDescription) }
        }
    }
}
