import SwiftUI

struct RootView: View {
    let model: AppModel
    @Environment(\.scenePhase) private var phase

    var body: some View {
        TabView {
            CameraScreen(model: model)
                .tabItem { Label("Camera", systemImage: "camera") }
            PhotoScreen(model: model)
                .tabItem { Label("Photo", systemImage: "photo") }
            BenchmarkScreen(model: model)
                .tabItem { Label("Benchmark", systemImage: "stopwatch") }
            AboutScreen(model: model)
                .tabItem { Label("About", systemImage: "info.circle") }
        }
        .task { await model.start() }
        .onChange(of: phase) {
            // There the system halts the app while the clock of a measurement runs on.
            if phase == .background { model.stopBenchmark() }
        }
    }
}
