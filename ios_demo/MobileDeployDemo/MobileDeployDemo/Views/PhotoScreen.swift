import MobileDeployCore
import MobileDeployRuntime
import PhotosUI
import SwiftUI

struct PhotoScreen: View {
    let model: AppModel
    @State private var item: PhotosPickerItem?

    var body: some View {
        NavigationStack {
            List {
                // The library gives a HEIF as the JPEG that every system decodes.
                PhotosPicker(
                    selection: $item, matching: .images, preferredItemEncoding: .compatible
                ) {
                    Label("Choose a photo", systemImage: "photo.on.rectangle")
                }
                .disabled(!model.isReady)
                content
            }
            .navigationTitle("Photo")
            .navigationBarTitleDisplayMode(.inline)
            .toolbar { ArtifactMenu(model: model) }
        }
        .onChange(of: item) { if item != nil { model.offered = nil } }
        .onChange(of: model.offered) { if model.offered != nil { item = nil } }
        .task(id: request) {
            guard model.isReady else { return }
            if let offered = model.offered {
                await model.recognize { try await AppModel.read(offered) }
            } else if let item {
                await model.recognize { try await item.loadTransferable(type: Data.self) }
            }
        }
    }

    private var request: Request {
        Request(item: item, offered: model.offered, arm: model.arm, isReady: model.isReady)
    }

    /// A photo is looked at anew by each network that is chosen.
    private struct Request: Equatable {
        let item: PhotosPickerItem?
        let offered: URL?
        let arm: Arm?
        let isReady: Bool
    }

    @ViewBuilder private var content: some View {
        switch model.photo {
        case .idle:
            if let nothing = model.nothing {
                StatusLine(text: nothing, isProblem: true)
            } else if case .failed(let problem) = model.loading {
                StatusLine(text: problem, isProblem: true)
            }
        case .working:
            StatusLine(text: "Looking at it")
        case .failed(let problem):
            StatusLine(text: problem, isProblem: true)
        case .done(let result):
            // Above the photo: a tall one would push them off the screen.
            RecognitionView(recognition: result.recognition)
            TimesView(times: result.recognition.times, note: nil)
            if let image = UIImage(data: result.data) {
                Image(uiImage: image)
                    .resizable()
                    .scaledToFit()
                    .frame(maxHeight: 320)
                    .accessibilityLabel("The chosen photo")
            }
        }
    }
}
