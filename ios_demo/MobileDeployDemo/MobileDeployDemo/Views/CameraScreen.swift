import SwiftUI

struct CameraScreen: View {
    let model: AppModel
    @Environment(\.scenePhase) private var phase

    var body: some View {
        NavigationStack {
            ZStack(alignment: .bottom) {
                picture
                answer
                    .padding()
                    .frame(maxWidth: .infinity, alignment: .leading)
                    .background(.regularMaterial)
            }
            .navigationTitle("Camera")
            .navigationBarTitleDisplayMode(.inline)
            .toolbar { ArtifactMenu(model: model) }
        }
        // The camera rests while the app is in the background and while something is measured.
        .task(id: isWatching) {
            if isWatching { await model.watchCamera() }
        }
    }

    private var isWatching: Bool { phase == .active && model.benchmarkTask == nil }

    @ViewBuilder private var picture: some View {
        switch model.camera {
        case .ready:
            CameraPreview(session: model.capture.session).ignoresSafeArea(edges: .horizontal)
        case .failed(let problem):
            ContentUnavailableView {
                Label("No camera", systemImage: "camera.fill")
            } description: {
                Text(problem)
            } actions: {
                if let settings = URL(string: UIApplication.openSettingsURLString) {
                    Link("Open Settings", destination: settings)
                }
            }
        case .idle, .working:
            Color.black
        }
    }

    @ViewBuilder private var answer: some View {
        if case .failed(let problem) = model.loading {
            StatusLine(text: problem, isProblem: true)
        } else if let live = model.live {
            RecognitionView(recognition: live, milliseconds: model.liveTimes.median)
        } else {
            StatusLine(text: model.bundles.isEmpty ? "No bundle is in the app." : "Loading")
        }
    }
}
