import MobileDeployCore
import SwiftUI

/// The best classes with their probabilities.
struct RecognitionView: View {
    let recognition: Recognition
    /// Of the inference alone; nil where it would say nothing.
    let milliseconds: Double?

    var body: some View {
        VStack(alignment: .leading, spacing: 6) {
            ForEach(recognition.lines) { line in
                HStack {
                    Text(line.label).lineLimit(1)
                    Spacer()
                    Text(line.probability, format: .percent.precision(.fractionLength(1)))
                        .monospacedDigit()
                }
                ProgressView(value: line.probability)
            }
            if let milliseconds {
                Text("\(milliseconds, format: .number.precision(.fractionLength(2))) ms")
                    .font(.footnote)
                    .monospacedDigit()
                    .foregroundStyle(.secondary)
            }
        }
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
