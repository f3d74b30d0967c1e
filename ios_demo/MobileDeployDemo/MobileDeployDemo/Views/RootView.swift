import SwiftUI

struct RootView: View {
    @Bindable var model: AppModel
    @Environment(\.scenePhase) private var phase

    var body: some View {
        TabView(selection: $model.tab) {
            CameraScreen(model: model)
                .tabItem { Label("Camera", systemImage: "camera") }
                .tag(AppModel.Tab.camera)
            PhotoScreen(model: model)
                .tabItem { Label("Photo", systemImage: "photo") }
                .tag(AppModel.Tab.photo)
            BenchmarkScreen(model: model)
                .tabItem { Label("Benchmark", systemImage: "stopwatch") }
                .tag(AppModel.Tab.benchmark)
            AboutScreen(model: model)
                .tabItem { Label("About", systemImage: "info.circle") }
                .tag(AppModel.Tab.about)
        }
        .task { await model.start() }
        .onOpenURL { url in Task { await model.open(url) } }
        .onReceive(
            NotificationCenter.default.publisher(
                for: UIApplication.didReceiveMemoryWarningNotification)
        ) { _ in
            Task { await model.release() }
        }
        .onChange(of: phase) {
            // There the system halts the app while the clock of a measurement runs on.
            if phase == .background {
                model.stopBenchmark()
                Task { await model.release() }
            }
        }
        .alert(
            "Bundle", isPresented: $model.hasImportWords, presenting: model.importWords
        ) { _ in
            Button("OK") {}
        } message: { words in
            Text(words)
        }
    }
}
