import MobileDeployRuntime
import PhotosUI
import SwiftUI

struct PhotoScreen: View {
    let model: AppModel
    @State private var item: PhotosPickerItem?

    var body: some View {
        NavigationStack {
            List {
                PhotosPicker(selection: $item, matching: .images) {
                    Label("Choose a photo", systemImage: "photo.on.rectangle")
                }
                .disabled(!model.isReady)
                content
            }
            .navigationTitle("Photo")
            .navigationBarTitleDisplayMode(.inline)
            .toolbar { ArtifactMenu(model: model) }
        }
        .task(id: Request(item: item, arm: model.arm, isReady: model.isReady)) {
            guard let item, model.isReady else { return }
            await model.recognize { try await item.loadTransferable(type: Data.self) }
        }
    }

    /// A photo is looked at anew by each network that is chosen.
    private struct Request: Equatable {
        let item: PhotosPickerItem?
        let arm: Arm?
        let isReady: Bool
    }

    @ViewBuilder private var content: some View {
        switch model.photo {
        case .idle:
            if case .failed(let problem) = model.loading {
                StatusLine(text: problem, isProblem: true)
            }
        case .working:
            StatusLine(text: "Looking at it")
        case .failed(let problem):
            StatusLine(text: problem, isProblem: true)
        case .done(let result):
            if let image = UIImage(data: result.data) {
                Image(uiImage: image)
                    .resizable()
                    .scaledToFit()
                    .frame(maxHeight: 320)
            }
            RecognitionView(
                recognition: result.recognition, milliseconds: result.recognition.milliseconds)
        }
    }
}
