import MobileDeployCore
import MobileDeployRuntime
import SwiftUI
import UniformTypeIdentifiers

struct AboutScreen: View {
    let model: AppModel
    @State private var isImporting = false

    var body: some View {
        NavigationStack {
            List {
                if model.objections.isEmpty, let nothing = model.nothing {
                    StatusLine(text: nothing, isProblem: true)
                }
                ForEach(model.objections, id: \.self) { StatusLine(text: $0, isProblem: true) }
                if let arm = model.arm {
                    facts(of: arm)
                    proof
                    credits(of: arm.bundle)
                }
                bundles
                Section("App") {
                    LabeledContent("Version", value: AppModel.version)
                    LabeledContent("ExecuTorch", value: ExecuTorchClassifier.version)
                }
            }
            .navigationTitle("About")
            .navigationBarTitleDisplayMode(.inline)
            .toolbar { ArtifactMenu(model: model) }
            .fileImporter(isPresented: $isImporting, allowedContentTypes: [.zip]) { chosen in
                if case .success(let file) = chosen { Task { await model.take(file) } }
            }
        }
    }

    private var bundles: some View {
        Section("Bundles") {
            Button("Import a bundle", systemImage: "square.and.arrow.down") { isImporting = true }
            ForEach(model.bundles.filter(Shelf.isImported)) { bundle in
                Button("Remove \(bundle.name)", systemImage: "trash", role: .destructive) {
                    Task { await model.remove(bundle) }
                }
            }
        }
        .disabled(model.benchmarkTask != nil)
    }

    private func facts(of arm: Arm) -> some View {
        Section(arm.bundle.name) {
            LabeledContent("Network", value: arm.bundle.network)
            LabeledContent("Weights", value: arm.bundle.manifest.weights.source)
            LabeledContent("Classes", value: arm.bundle.labels.count.formatted())
            LabeledContent("Parameters", value: arm.bundle.manifest.network.params.formatted())
            LabeledContent("Artifact", value: arm.artifact.name)
            LabeledContent(
                "Size", value: Int64(arm.artifact.bytes).formatted(.byteCount(style: .file)))
            if let measured = arm.artifact.measured {
                LabeledContent(
                    "Agrees with the float network",
                    value: measured.agreement.formatted(.percent.precision(.fractionLength(1))))
            }
            if let reason = arm.artifact.unverifiedReason {
                StatusLine(text: "Not verified: \(reason)", isProblem: true)
            }
        }
    }

    private var proof: some View {
        Section("Golden photos") {
            Button("Run them on this phone") { Task { await model.prove() } }
                .disabled(!model.isReady || model.proof.isWorking)
            switch model.proof {
            case .idle:
                EmptyView()
            case .working:
                StatusLine(text: "Running")
            case .failed(let problem):
                StatusLine(text: problem, isProblem: true)
            case .done(let comparison):
                LabeledContent(
                    "Same top class", value: "\(comparison.agreeing) of \(comparison.photos)")
                LabeledContent("Signal to error", value: decibels(comparison))
            }
        }
    }

    private func decibels(_ comparison: GoldenComparison) -> String {
        if comparison.decibels == .infinity { return "not one bit differs" }
        return "\(comparison.decibels.formatted(.number.precision(.fractionLength(1)))) dB"
    }

    @ViewBuilder private func credits(of bundle: ModelBundle) -> some View {
        let credits = Set(bundle.manifest.golden.photos.compactMap(\.credit)).sorted()
        if !credits.isEmpty {
            Section("Photos by") {
                ForEach(credits, id: \.self) { Text($0).font(.footnote) }
            }
        }
    }
}
