import Foundation
import MobileDeployCore

/// An artifact to measure, with what Core ML may use for it.
public struct Arm: Equatable, Sendable {
    public let bundle: ModelBundle
    public let artifact: Artifact
    /// nil for a runtime that is not Core ML.
    public let units: ComputeUnits?

    public init(bundle: ModelBundle, artifact: Artifact, units: ComputeUnits?) {
        self.bundle = bundle
        self.artifact = artifact
        self.units = units
    }

    /// Every artifact, each of Core ML's with every one of `units`.
    public static func all(
        of bundle: ModelBundle, artifacts: [Artifact], units: [ComputeUnits]
    ) -> [Arm] {
        artifacts.flatMap { artifact in
            let choices: [ComputeUnits?] = artifact.format == .coreml ? units : [nil]
            return choices.map { Arm(bundle: bundle, artifact: artifact, units: $0) }
        }
    }
}

/// What a session is doing.
public enum BenchmarkProgress: Equatable, Sendable {
    case cooling
    case measuring(block: Int, of: Int)
}

/// Blocks of all arms in rounds, in each in another order, which chance gives.
public actor BenchmarkSession {
    public typealias Opening = @Sendable (Arm) throws -> any Classifier

    private let arms: [Arm]
    private let settings: BenchmarkSettings
    private let runner: BlockRunner
    private let stopwatch: Stopwatch
    private let open: Opening
    private let pause: @Sendable () async -> Void
    private let report: @Sendable (BenchmarkProgress) -> Void
    private let began: UInt64

    private var blocks: [[Block]]
    private var failed: Set<Int> = []
    private var warnings: [String] = []
    private var cools = true
    private var order = 0

    /// `open` loads an arm's network, and is called anew for each block. `pause` is how long to
    /// wait between two looks at the heat. There is at least one arm.
    public init(
        arms: [Arm],
        settings: BenchmarkSettings,
        runner: BlockRunner,
        open: @escaping Opening,
        pause: @escaping @Sendable () async -> Void = { try? await Task.sleep(for: .seconds(1)) },
        report: @escaping @Sendable (BenchmarkProgress) -> Void
    ) {
        self.arms = arms
        self.settings = settings
        self.runner = runner
        stopwatch = runner.stopwatch
        self.open = open
        self.pause = pause
        self.report = report
        began = runner.stopwatch.read()
        blocks = arms.map { _ in [] }
    }

    /// Measure. A cancelled task ends soon and gives what there is but for the block that was
    /// running, marked interrupted. Throws `BundleProblem` where a bundle's golden answers cannot
    /// be read. `name` tells sessions apart.
    public func run(
        on device: DeviceFacts,
        started: Date = Date(),
        name: String = UUID().uuidString.lowercased()
    ) async throws -> Results {
        let crops = try Dictionary(
            grouping: arms.map(\.bundle), by: \.id
        ).mapValues { try goldenCrops(of: $0[0]) }
        for round in 0..<settings.rounds {
            for index in RoundOrder.of(arms.count, round: round, seed: settings.seed) {
                if Task.isCancelled { break }
                if !failed.contains(index) {
                    let golden = crops[arms[index].bundle.id] ?? []
                    await measure(index, round: round, golden: golden)
                }
                order += 1
            }
        }
        return Results(
            appVersion: runner.appVersion,
            session: name,
            started: started,
            settings: settings,
            bundles: try measuredBundles(),
            device: measuredDevice(device)
        )
    }

    private func goldenCrops(of bundle: ModelBundle) throws -> [RGBImage] {
        try bundle.manifest.golden.photos.indices.map(bundle.goldenCrop)
    }

    /// All golden photos are answered in the first round, later the timed one alone; and what is
    /// before the network is timed in the first.
    private func measure(_ index: Int, round: Int, golden: [RGBImage]) async {
        let arm = arms[index]
        let (waited, cooled, before) = await waitUntilCool()
        if Task.isCancelled { return }
        report(.measuring(block: order, of: arms.count * settings.rounds))
        let answer = runner.run(
            id: "block-\(order)",
            settings: settings,
            crops: round == 0 ? golden : Array(golden.prefix(1)),
            preprocessing: round == 0 ? arm.bundle.manifest.preprocessing : nil,
            open: { try open(arm) }
        )
        // The app may have left the screen meanwhile, and the clock run on.
        if Task.isCancelled { return }
        if answer.status == .error { failed.insert(index) }
        blocks[index].append(
            Block(
                round: round,
                order: order,
                waitedS: waited,
                cooled: cooled,
                before: before,
                after: await runner.surroundings.conditions(at: seconds()),
                answer: answer
            ))
    }

    /// Having waited in vain once, it only looks, until it is seen cool again.
    private func waitUntilCool() async -> (waited: Double, cooled: Bool?, before: Conditions) {
        let begin = seconds()
        while true {
            let now = await runner.surroundings.conditions(at: seconds())
            let cool = now.thermalStatus.map { $0 == 0 }
            let waited = now.atS - begin
            let waits = cool == false && cools && waited <= settings.coolTimeoutS
            if !waits || Task.isCancelled {
                if cools && cool == false && !Task.isCancelled {
                    warn("did not cool in \(Int(settings.coolTimeoutS)) s")
                }
                cools = cool != false
                return (waited, cool, now)
            }
            report(.cooling)
            await pause()
        }
    }

    private func measuredBundles() throws -> [MeasuredBundle] {
        var measured: [MeasuredBundle] = []
        for arm in arms where !measured.contains(where: { $0.id == arm.bundle.id }) {
            let own = arms.filter { $0.bundle.id == arm.bundle.id }.map(\.artifact)
            let names = Set(own.map(\.name))
            let artifacts = arm.bundle.manifest.artifacts.filter { names.contains($0.name) }
            measured.append(try MeasuredBundle(arm.bundle, artifacts: artifacts))
        }
        return measured
    }

    private func measuredDevice(_ device: DeviceFacts) -> MeasuredDevice {
        MeasuredDevice(
            device: device,
            arms: zip(arms, blocks).map { arm, blocks in
                MeasuredArm(
                    key: ArmKey(bundle: arm.bundle, artifact: arm.artifact, units: arm.units),
                    bundle: arm.bundle.id,
                    artifact: arm.artifact.name,
                    blocks: blocks
                )
            },
            warnings: warnings,
            interrupted: Task.isCancelled
        )
    }

    private func seconds() -> Double {
        stopwatch.seconds(since: began)
    }

    private func warn(_ text: String) {
        if !warnings.contains(text) { warnings.append(text) }
    }
}
