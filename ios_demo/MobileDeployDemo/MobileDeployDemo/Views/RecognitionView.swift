import MobileDeployCore
import SwiftUI

/// The best classes with their probabilities.
struct RecognitionView: View {
    let recognition: Recognition

    var body: some View {
        VStack(alignment: .leading, spacing: 6) {
            ForEach(recognition.lines) { line in
                VStack(spacing: 6) {
                    HStack {
                        Text(line.label).lineLimit(1)
                        Spacer()
                        Text(line.probability, format: .percent.precision(.fractionLength(1)))
                            .monospacedDigit()
                    }
                    ProgressView(value: line.probability).accessibilityHidden(true)
                }
                // VoiceOver reads the row as one: the class, then how probable it is.
                .accessibilityElement(children: .combine)
            }
        }
    }
}

/// How long it took, part by part.
struct TimesView: View {
    let times: FrameTimes
    let note: String?

    var body: some View {
        VStack(alignment: .leading) {
            Text(
                "network \(Figures.milliseconds(times.network)), "
                    + "crop \(Figures.milliseconds(times.crop)), "
                    + "input \(Figures.milliseconds(times.input)), "
                    + "rest \(Figures.milliseconds(times.rest))")
            if let note { Text(note) }
        }
        .font(.footnote)
        .monospacedDigit()
        .foregroundStyle(.secondary)
        .accessibilityElement(children: .combine)
    }
}

/// A line that says what is wrong, or that one must wait.
struct StatusLine: View {
    let text: String
    var isProblem = false

    var body: some View {
        Label(text, systemImage: isProblem ? "exclamationmark.triangle" : "hourglass")
            .foregroundStyle(isProblem ? Color.red : Color.secondary)
    }
}
