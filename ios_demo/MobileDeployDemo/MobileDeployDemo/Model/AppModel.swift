import Foundation
import MobileDeployCore
import MobileDeployRuntime
import Observation
import UniformTypeIdentifiers

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

    enum Camera: Equatable, Sendable {
        case idle
        case working
        case ready(CameraFacts)
        case failed(String)
    }

    /// The same, where there is nothing to show but that it is ready.
    enum Readiness: Sendable {
        case idle
        case working
        case ready
        case failed(String)
    }

    enum Tab: Hashable {
        case camera
        case photo
        case benchmark
        case about
    }

    /// nil until the bundles have been looked at.
    private(set) var choices: Choices?
    private(set) var arm: Arm?
    var tab = Tab.camera
    /// A photo that another app handed over.
    var offered: URL?
    /// What came of an import, until the user has seen it.
    var importWords: String?

    var loading: Readiness = .idle
    var live: Recognition?
    var liveFrames = RecentFrames()
    var camera: Camera = .idle
    var photo: Loadable<PhotoResult> = .idle
    var proof: Loadable<GoldenComparison> = .idle
    var plan: Loadable<Forecast> = .idle
    var benchmark: Loadable<Export> = .idle
    var benchmarkProgress: BenchmarkProgress?
    var benchmarkTask: Task<Void, Never>?
    var benchmarkChoice = BenchmarkChoice()

    @ObservationIgnored let capture = CaptureService()
    @ObservationIgnored let classification = ClassificationService()

    var bundles: [ModelBundle] { choices?.bundles ?? [] }

    /// Bundles that cannot be used, with the reason, and artifacts that cannot run here.
    var objections: [String] { choices?.objections ?? [] }

    /// For an alert, which says by it that the user has seen the words.
    var hasImportWords: Bool {
        get { importWords != nil }
        set { if !newValue { importWords = nil } }
    }

    /// Why there is nothing to run, for every screen; nil while there is or is being looked for.
    var nothing: String? { choices?.nothing }

    /// Look into the app for bundles, and load what is best here.
    func start() async {
        guard choices == nil else { return }
        // What stays behind costs room and does no harm.
        try? Shelf.sweep()
        await look()
    }

    /// Import a file of `mobile-deploy pack`, and load what is best of it.
    func take(_ file: URL) async {
        guard benchmarkTask == nil else {
            importWords = "A measurement is running: import the bundle when it has ended."
            return
        }
        do {
            let bundle = try await Shelf.take(file)
            importWords = "\(bundle.name) was imported and checked."
            await look(for: bundle.name)
        } catch {
            importWords = error.localizedDescription
        }
    }

    /// Remove an imported bundle.
    func remove(_ bundle: ModelBundle) async {
        guard benchmarkTask == nil else { return }
        do {
            try Shelf.remove(bundle)
            await look()
        } catch {
            importWords = error.localizedDescription
        }
    }

    /// What another app hands over, or the user opens with this one.
    func open(_ file: URL) async {
        let type = UTType(filenameExtension: file.pathExtension)
        if type?.conforms(to: .image) ?? false {
            tab = .photo
            offered = file
        } else {
            await take(file)
        }
    }

    private func look(for name: String? = nil) async {
        let choices = Choices(
            Shelf.found(), formats: Shelf.formats, runtimes: Classifiers.available,
            hasQuickInt8: Chip.hasQuickInt8(model: Phone.model))
        self.choices = choices
        try? CompiledModels.standard().keepOnly(choices.bundles.flatMap(\.manifest.artifacts))
        await classification.unload()
        if let preferred = choices.preferred(of: name) {
            await choose(preferred)
        } else {
            arm = nil
            live = nil
            photo = .idle
            loading = .idle
        }
    }

    /// Give back the memory that can be had again: the network loads at its next use.
    func release() async {
        if benchmarkTask == nil { await classification.release() }
        if tab != .photo { photo = .idle }
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
        choices?.of(bundle) ?? []
    }

    /// Load an artifact for the camera and for photos.
    func choose(_ chosen: Arm) async {
        arm = chosen
        live = nil
        liveFrames = RecentFrames()
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
