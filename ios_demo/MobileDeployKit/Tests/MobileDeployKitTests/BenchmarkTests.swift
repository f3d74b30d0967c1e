import MobileDeployCore
import MobileDeployRuntime
import XCTest

final class BenchmarkTests: XCTestCase {
    private let device = FakeDevice()
    private let phone = DeviceFacts(
        virtual: false, id: "6F0C", model: "iPhone15,2", os: "iOS 17.5", build: "21F79",
        abi: "arm64", ramBytes: 6_442_450_944)

    private func arms() throws -> [Arm] {
        let bundle = try TinyBundle.make(
            in: temporaryFolder(for: self).appendingPathComponent("tiny"))
        return Arm.all(
            of: bundle, artifacts: bundle.manifest.artifacts, units: [.all, .cpuOnly])
    }

    private func makeSession(
        _ arms: [Arm],
        _ settings: BenchmarkSettings,
        open: BenchmarkSession.Opening? = nil,
        report: @escaping @Sendable (BenchmarkProgress) -> Void = { _ in }
    ) -> BenchmarkSession {
        let device = device
        return BenchmarkSession(
            arms: arms,
            settings: settings,
            runner: BlockRunner(
                stopwatch: device.stopwatch, surroundings: device, appVersion: "0.1.0"),
            open: open ?? { FakeClassifier($0, on: device) },
            pause: { device.pass(seconds: 1) },
            report: report
        )
    }

    func testTheStoredExportIsWhatASessionWrites() async throws {
        let settings = BenchmarkSettings(rounds: 8, iterations: 10, warmup: 2, seed: 7)
        let session = try makeSession(arms(), settings)
        let results = try await session.run(
            on: phone, started: Date(timeIntervalSince1970: 1_700_000_000), name: "example")
        let file = Fixtures.folder.appendingPathComponent("results/ios.json")
        if ProcessInfo.processInfo.environment["WRITE_FIXTURES"] != nil {
            try results.json().write(to: file)
        }
        XCTAssertEqual(try Results(json: Data(contentsOf: file)), results)
    }

    func testPackagesAreMeasuredWithEveryUnitAndOtherArtifactsOnce() throws {
        let arms = try arms()
        XCTAssertEqual(
            arms.map(\.artifact.name), ["coreml-fp16", "coreml-fp16", "executorch-int8"])
        XCTAssertEqual(arms.map(\.units), [.all, .cpuOnly, nil])
    }

    func testEachRoundIsInTheOrderThatTheSeedGives() async throws {
        let settings = BenchmarkSettings(rounds: 4, iterations: 3, seed: 7)
        let results = try await makeSession(arms(), settings).run(on: phone)
        XCTAssertEqual(results.settings.seed, 7)
        for round in 0..<4 {
            let places = results.devices[0].arms.map { $0.blocks[round].order - 3 * round }
            let order = RoundOrder.of(3, round: round, seed: 7)
            XCTAssertEqual(places, (0..<3).map { order.firstIndex(of: $0) })
        }
        let seeds = Set((0..<20).map { _ in BenchmarkSettings().seed })
        XCTAssertGreaterThan(seeds.count, 18)
    }

    func testWhatIsBeforeTheNetworkIsTimedOnce() async throws {
        let settings = BenchmarkSettings(rounds: 2, iterations: 3)
        let results = try await makeSession(arms(), settings).run(on: phone)
        XCTAssertEqual(results.schemaVersion, 5)
        for arm in results.devices[0].arms {
            let answers = arm.blocks.compactMap(\.answer)
            XCTAssertEqual(answers.map(\.schemaVersion), [3, 1])
            let times = try XCTUnwrap(answers[0].preparation)
            XCTAssertEqual(times.picture, [1280, 720])
            XCTAssertEqual([times.cropNs.count, times.inputNs.count], [20, 20])
            // The fake takes 1 us to take a crop; no clock moves while it is cut.
            XCTAssertEqual(Set(times.cropNs), [1])
            XCTAssertEqual(Set(times.inputNs), [1_000])
            XCTAssertNil(answers[1].preparation)
        }
        let text = try String(decoding: results.json(), as: UTF8.self)
        XCTAssertEqual(text.components(separatedBy: "\"preparation\"").count, 1 + 3)
        XCTAssertFalse(text.contains("\"input\""))
    }

    func testEverySampleIsKeptAndTheFirstRoundAnswersAllPhotos() async throws {
        let settings = BenchmarkSettings(rounds: 2, iterations: 3)
        let results = try await makeSession(arms(), settings).run(on: phone)
        for arm in results.devices[0].arms {
            let answers = arm.blocks.compactMap(\.answer)
            XCTAssertEqual(answers.map(\.iterationsNs.count), [3, 3])
            XCTAssertEqual(answers.map(\.logits.count), [TinyBundle.photos, 1])
            XCTAssertEqual(answers.map(\.loadNs), [20_000_000, 20_000_000])
        }
    }

    func testTheVersionIsTheOldestThatHoldsWhatIsThere() async throws {
        let settings = BenchmarkSettings(rounds: 1, iterations: 2)
        let failed = try await makeSession(
            arms(), settings, open: { _ in throw RunnerError(kind: .loadFailed, text: "no") }
        ).run(on: phone)
        XCTAssertEqual(failed.schemaVersion, 1)
        let key = """
            {"network": "n", "format": "coreml", "precision": "fp16", "backend": "coreml",
             "runner": "app", "threads": null, "cores": null, "input": "pixels"}
            """
        let arm = MeasuredArm(
            key: try JSONDecoder().decode(ArmKey.self, from: Data(key.utf8)),
            bundle: "b", artifact: "a", blocks: [])
        let ofPixels = Results(
            appVersion: "0.1.0", session: "s", started: Date(), settings: settings, bundles: [],
            device: MeasuredDevice(device: phone, arms: [arm], warnings: [], interrupted: false))
        XCTAssertEqual(ofPixels.schemaVersion, 4)
    }

    func testAnArmThatFailsIsGivenUpAndHarmsNoOther() async throws {
        let device = device
        let results = try await makeSession(
            arms(), BenchmarkSettings(rounds: 3, iterations: 2),
            open: { arm in
                if arm.units == .cpuOnly {
                    throw RunnerError(kind: .loadFailed, text: "no such\nunit")
                }
                return FakeClassifier(arm, on: device)
            }
        ).run(on: phone)
        let arms = results.devices[0].arms
        XCTAssertEqual(arms.map(\.blocks.count), [3, 1, 3])
        XCTAssertEqual(arms[1].blocks[0].answer?.error?.kind, .loadFailed)
        XCTAssertEqual(arms[1].blocks[0].failure?.text, "the app says no such unit")
    }

    func testAnAlteredArtifactIsTheFailureOfItsArmAlone() async throws {
        let (arms, device) = (try arms(), device)
        let package = arms[0].bundle.folder.appendingPathComponent(arms[0].artifact.file)
        try FileManager.default.removeItem(at: package)
        let program = arms[2].bundle.folder.appendingPathComponent(arms[2].artifact.file)
        try Data("other".utf8).write(to: program)
        let results = try await makeSession(
            arms + [arms[0]], BenchmarkSettings(rounds: 1, iterations: 2),
            open: { arm in
                if arm.units != .cpuOnly { _ = try arm.bundle.checkedURL(of: arm.artifact) }
                return FakeClassifier(arm, on: device)
            }
        ).run(on: phone)
        let kinds = results.devices[0].arms.map { $0.blocks[0].answer?.error?.kind }
        XCTAssertEqual(kinds, [.fileMissing, nil, .fileDiffers, .fileMissing])
    }

    func testWordsTooLongForTheFileAreCut() {
        // Two code points each, as Python counts them.
        let error = RunnerError(
            kind: .runFailed, text: "\0" + String(repeating: "e\u{301}", count: 3000))
        XCTAssertEqual(error.text.unicodeScalars.count, 4000)
        let failure = Failure(error)
        XCTAssertEqual(failure.text.unicodeScalars.count, 1000)
        XCTAssertTrue(failure.text.hasPrefix("the app says  e\u{301}"))
    }

    func testABlockWaitsUntilTheDeviceIsCool() async throws {
        device.setHeat([1, 1, 0])
        let results = try await makeSession(
            [arms()[0]], BenchmarkSettings(rounds: 1, iterations: 2)
        ).run(on: phone)
        let block = results.devices[0].arms[0].blocks[0]
        XCTAssertEqual(block.waitedS, 2, accuracy: 1e-6)
        XCTAssertEqual(block.cooled, true)
        XCTAssertTrue(results.devices[0].warnings.isEmpty)
    }

    func testADeviceThatNeverCoolsIsWaitedForOnce() async throws {
        device.setHeat([3])
        let settings = BenchmarkSettings(rounds: 3, iterations: 2, coolTimeoutS: 5)
        let results = try await makeSession([arms()[0]], settings).run(on: phone)
        let blocks = results.devices[0].arms[0].blocks
        XCTAssertEqual(blocks.map(\.cooled), [false, false, false])
        XCTAssertEqual(blocks.map { Int($0.waitedS) }, [6, 0, 0])
        XCTAssertEqual(results.devices[0].warnings, ["did not cool in 5 s"])
    }

    func testACancelledSessionGivesWhatThereIs() async throws {
        let arms = try arms()
        let phone = phone
        let (started, starting) = AsyncStream<Void>.makeStream()
        let session = makeSession(
            arms, BenchmarkSettings(rounds: 1000, iterations: 2), report: { _ in starting.yield() })
        let task = Task { try await session.run(on: phone) }
        for await _ in started { break }
        task.cancel()
        let results = try await task.value
        XCTAssertTrue(results.devices[0].interrupted)
        XCTAssertLessThan(results.devices[0].arms[0].blocks.count, 1000)
    }

    func testABlockDuringWhichTheSessionIsStoppedIsDropped() async throws {
        let device = device
        // The arms in the order that they are named in.
        let seed = try XCTUnwrap(
            (0..<100).first { RoundOrder.of(3, round: 0, seed: $0) == [0, 1, 2] })
        let results = try await makeSession(
            arms(), BenchmarkSettings(rounds: 2, iterations: 2, seed: seed),
            open: { arm in
                if arm.units == .cpuOnly { withUnsafeCurrentTask { $0?.cancel() } }
                return FakeClassifier(arm, on: device)
            }
        ).run(on: phone)
        XCTAssertEqual(results.devices[0].arms.map(\.blocks.count), [1, 0, 0])
        XCTAssertTrue(results.devices[0].interrupted)
    }

    func testUnknownFieldsAreWrittenAsNull() async throws {
        let settings = BenchmarkSettings(rounds: 1, iterations: 1)
        let results = try await makeSession([arms()[0]], settings).run(on: phone)
        let text = try String(decoding: results.json(), as: UTF8.self)
        for field in ["threads", "soc", "push_ns", "battery_celsius", "own_logits", "failure"] {
            XCTAssertTrue(text.contains("\"\(field)\" : null"), field)
        }
    }
}
