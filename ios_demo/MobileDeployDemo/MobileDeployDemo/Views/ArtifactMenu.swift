import MobileDeployCore
import MobileDeployRuntime
import SwiftUI

/// Which artifact of which bundle is loaded.
struct ArtifactMenu: View {
    let model: AppModel

    var body: some View {
        Menu {
            ForEach(model.bundles) { bundle in
                Section(bundle.name) {
                    ForEach(model.choices(in: bundle), id: \.artifact.name) { choice in
                        Button(choice.artifact.name) {
                            Task { await model.choose(choice) }
                        }
                    }
                }
            }
        } label: {
            // A toolbar would show the picture alone, and not which network answers.
            Label(model.arm?.artifact.name ?? "No network", systemImage: "cpu")
                .labelStyle(.titleAndIcon)
        }
        .accessibilityLabel("Network: \(model.arm?.artifact.name ?? "none")")
        .disabled(model.bundles.isEmpty || model.benchmarkTask != nil)
    }
}
