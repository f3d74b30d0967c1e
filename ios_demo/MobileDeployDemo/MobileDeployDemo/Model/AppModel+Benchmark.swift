import Foundation
import MobileDeployCore
import MobileDeployRuntime
import UIKit

/// What is asked of a benchmark.
struct BenchmarkChoice: Equatable, Sendable {
    /// Names of artifacts that are not to be measured.
    var leftOut: Set<String> = []
    var units = Set(ComputeUnits.allCases)
    var rounds = 10
}

/// Where Core ML means to run a network's operators, with what it may use.
struct Forecast: Sendable {
    let units: ComputeUnits
    /// By the unit's name.
    let operators: [String: Int]
}

/// The measured session, and the results.json that holds it.
struct Export: Sendable {
    let results: Results
    let file: URL
}

extension AppModel {
    /// The arms that `benchmarkChoice` comes to, in the bundle that is loaded.
    var arms: [Arm] {
        guard let bundle = arm?.bundle else { return [] }
        let chosen = choices(in: bundle).map(\.artifact).filter {
            !benchmarkChoice.leftOut.contains($0.name)
        }
        let units = ComputeUnits.allCases.filter(benchmarkChoice.units.contains)
        return Arm.all(of: bundle, artifacts: chosen, units: units)
    }

    func startBenchmark() {
        guard mayMeasure else { return }
        let arms = arms
        let settings = BenchmarkSettings(rounds: benchmarkChoice.rounds)
        benchmark = .working
        benchmarkTask = Task(priority: .userInitiated) {
            UIApplication.shared.isIdleTimerDisabled = true
            UIDevice.current.isBatteryMonitoringEnabled = true
            do {
                benchmark = .done(try await measure(arms, settings))
            } catch {
                benchmark = .failed(error.localizedDescription)
            }
            UIApplication.shared.isIdleTimerDisabled = false
            UIDevice.current.isBatteryMonitoringEnabled = false
            benchmarkProgress = nil
            if let arm { await choose(arm) }
            benchmarkTask = nil
        }
    }

    /// It drops the block that is running, and keeps what there is.
    func stopBenchmark() {
        benchmarkTask?.cancel()
    }

    /// Where Core ML means to run the operators of the artifact that is loaded.
    func forecast(_ units: ComputeUnits) async {
        await fill(\.plan) { arm in
            guard #available(iOS 17.4, *) else {
                throw RunnerError(
                    kind: .runtimeMissing, text: "Core ML tells this from iOS 17.4 on.")
            }
            let file = try await Classifiers.file(for: arm)
            let plan = try await ComputePlan(compiled: file, units: units)
            return Forecast(units: units, operators: plan.operators)
        }
    }

    private func measure(_ arms: [Arm], _ settings: BenchmarkSettings) async throws -> Export {
        var found: [String: Result<URL, any Error>] = [:]
        for arm in arms where found[arm.artifact.sha256] == nil {
            do {
                found[arm.artifact.sha256] = .success(try await Classifiers.file(for: arm))
            } catch {
                found[arm.artifact.sha256] = .failure(error)
            }
        }
        let files = found
        // What the screens use would count as memory of what is measured.
        await classification.unload()
        let (progress, reporting) = AsyncStream<BenchmarkProgress>.makeStream(
            bufferingPolicy: .bufferingNewest(1))
        let showing = Task {
            for await each in progress { benchmarkProgress = each }
        }
        defer { reporting.finish() }
        let session = BenchmarkSession(
            arms: arms,
            settings: settings,
            runner: BlockRunner(
                stopwatch: Stopwatch(), surroundings: Phone(), appVersion: AppModel.version),
            open: { arm in
                guard let file = try files[arm.artifact.sha256]?.get() else {
                    throw RunnerError(kind: .fileMissing, text: arm.artifact.file)
                }
                return try Classifiers.open(arm, file: file)
            },
            report: { reporting.yield($0) }
        )
        let results = try await session.run(on: Phone.facts())
        reporting.finish()
        await showing.value
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("results.json")
        try results.json().write(to: file, options: .atomic)
        return Export(results: results, file: file)
    }

    /// The app's own, such as 0.1.0.
    static var version: String {
        let value = Bundle.main.object(forInfoDictionaryKey: "CFBundleShortVersionString")
        return value as? String ?? "unknown"
    }
}
