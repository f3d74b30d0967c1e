import MobileDeployCore
import SwiftUI

struct CameraScreen: View {
    let model: AppModel
    @Environment(\.scenePhase) private var phase
    @State private var isLit = false

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
            .toolbar {
                ToolbarItemGroup(placement: .topBarLeading) { switches }
                ToolbarItem(placement: .topBarTrailing) { ArtifactMenu(model: model) }
            }
        }
        // The camera rests while the app is in the background and while something is measured.
        .task(id: isWatching) {
            isLit = false
            if isWatching { await model.watchCamera() }
        }
        .onChange(of: isLit) { Task { await model.capture.shine(isLit) } }
    }

    private var isWatching: Bool {
        phase == .active && model.tab == .camera && model.benchmarkTask == nil
    }

    @ViewBuilder private var switches: some View {
        if case .ready(let facts) = model.camera {
            if facts.hasLight {
                Toggle("Light", systemImage: "flashlight.on.fill", isOn: $isLit)
            }
            if facts.hasOther {
                Button("Other camera", systemImage: "arrow.triangle.2.circlepath.camera") {
                    isLit = false
                    Task { await model.turnCamera() }
                }
            }
        }
    }

    @ViewBuilder private var picture: some View {
        switch model.camera {
        case .ready(let facts):
            CameraPreview(
                session: model.capture.session, facts: facts,
                preprocessing: model.arm?.bundle.manifest.preprocessing,
                focus: { point in Task { await model.capture.focus(at: point) } }
            )
            .background(Color.black)
            .ignoresSafeArea(edges: .horizontal)
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
        if let nothing = model.nothing {
            StatusLine(text: nothing, isProblem: true)
        } else if case .failed(let problem) = model.loading {
            StatusLine(text: problem, isProblem: true)
        } else if let live = model.live {
            VStack(alignment: .leading, spacing: 6) {
                RecognitionView(recognition: live)
                if let median = model.liveFrames.median { TimesView(times: median, note: note) }
            }
        } else {
            StatusLine(text: "Loading")
        }
    }

    private var note: String? {
        model.liveFrames.perSecond.map {
            "\($0.formatted(.number.precision(.fractionLength(1)))) frames a second (last 30)"
        }
    }
}
