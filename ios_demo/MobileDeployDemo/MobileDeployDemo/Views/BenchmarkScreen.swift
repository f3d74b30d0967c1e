import MobileDeployCore
import MobileDeployRuntime
import SwiftUI

struct BenchmarkScreen: View {
    @Bindable var model: AppModel

    var body: some View {
        NavigationStack {
            Form {
                if let bundle = model.arm?.bundle {
                    choices(bundle)
                    run
                    forecast
                } else {
                    StatusLine(
                        text: model.nothing ?? "Loading", isProblem: model.nothing != nil)
                }
            }
            .navigationTitle("Benchmark")
            .navigationBarTitleDisplayMode(.inline)
            .toolbar { ArtifactMenu(model: model) }
        }
    }

    private func choices(_ bundle: ModelBundle) -> some View {
        Section(bundle.name) {
            ForEach(model.choices(in: bundle), id: \.artifact.name) { choice in
                Toggle(
                    choice.artifact.name,
                    isOn: $model.benchmarkChoice.leftOut[without: choice.artifact.name])
            }
            ForEach(ComputeUnits.allCases, id: \.self) { units in
                Toggle("Core ML: \(units.title)", isOn: $model.benchmarkChoice.units[with: units])
            }
            Stepper(
                "\(model.benchmarkChoice.rounds) rounds", value: $model.benchmarkChoice.rounds,
                in: 6...50)
        }
        .disabled(model.benchmarkTask != nil)
    }

    @ViewBuilder private var run: some View {
        Section {
            if model.benchmarkTask == nil {
                Button("Measure \(model.arms.count) arms", action: model.startBenchmark)
                    .disabled(!model.mayMeasure)
                Text("Best unplugged, cool, and not in low power mode.")
                    .font(.footnote)
                    .foregroundStyle(.secondary)
            } else {
                Button("Stop", role: .cancel, action: model.stopBenchmark)
                progress
            }
        }
        switch model.benchmark {
        case .idle, .working:
            EmptyView()
        case .failed(let problem):
            StatusLine(text: problem, isProblem: true)
        case .done(let export):
            BenchmarkResults(export: export)
        }
    }

    @ViewBuilder private var progress: some View {
        switch model.benchmarkProgress {
        case .measuring(let block, let total):
            ProgressView(value: Double(block), total: Double(total))
        case .cooling:
            StatusLine(text: "Waiting until it has cooled")
        case nil:
            StatusLine(text: "Preparing")
        }
    }

    @ViewBuilder private var forecast: some View {
        if model.arm?.artifact.format == .coreml {
            Section("Where Core ML means to run \(model.arm?.artifact.name ?? "")") {
                ForEach(ComputeUnits.allCases, id: \.self) { units in
                    Button("With \(units.title)") { Task { await model.forecast(units) } }
                        .disabled(!model.isReady || model.plan.isWorking)
                }
                switch model.plan {
                case .idle:
                    EmptyView()
                case .working:
                    StatusLine(text: "Asking Core ML")
                case .failed(let problem):
                    StatusLine(text: problem, isProblem: true)
                case .done(let forecast):
                    Text("With \(forecast.units.title)").font(.footnote)
                    ForEach(forecast.operators.sorted { $0.key < $1.key }, id: \.key) {
                        unit, count in
                        LabeledContent(unit, value: "\(count) operators")
                    }
                }
            }
        }
    }
}

extension Set {
    /// Whether `element` is in it, for a switch.
    subscript(with element: Element) -> Bool {
        get { contains(element) }
        set {
            if newValue { insert(element) } else { remove(element) }
        }
    }

    /// Whether `element` is not in it.
    subscript(without element: Element) -> Bool {
        get { !self[with: element] }
        set { self[with: element] = !newValue }
    }
}

extension ComputeUnits {
    var title: String {
        switch self {
        case .all: "all units"
        case .cpuOnly: "CPU only"
        case .cpuAndNeuralEngine: "CPU and Neural Engine"
        }
    }
}
