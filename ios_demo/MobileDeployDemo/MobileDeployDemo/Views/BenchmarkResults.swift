import MobileDeployCore
import SwiftUI

/// What a session came to, and its results.json.
struct BenchmarkResults: View {
    let export: Export

    var body: some View {
        Section("Median of all samples") {
            ForEach(rows) { row in
                VStack(alignment: .leading) {
                    LabeledContent(row.title, value: row.value)
                    Text(row.detail).font(.footnote).foregroundStyle(.secondary)
                }
            }
            ForEach(warnings, id: \.self) { StatusLine(text: $0, isProblem: true) }
            ShareLink(item: export.file) {
                Label("Export results.json", systemImage: "square.and.arrow.up")
            }
        }
    }

    private struct Row: Identifiable {
        let id: Int
        let title: String
        let value: String
        let detail: String
    }

    private var rows: [Row] {
        let arms = export.results.devices.flatMap(\.arms)
        return arms.enumerated().map { index, arm in
            let summary = ArmSummary(arm)
            return Row(
                id: index,
                title: [arm.artifact, arm.key.cores].compactMap { $0 }.joined(separator: ", "),
                value: milliseconds(summary.medianNs) ?? summary.failure ?? "not measured",
                detail: detail(of: summary)
            )
        }
    }

    private var warnings: [String] {
        export.results.devices.flatMap { device in
            device.warnings + (device.interrupted ? ["stopped early"] : [])
        }
    }

    private func detail(of summary: ArmSummary) -> String {
        let heat = ["nominal", "fair", "", "serious", "critical"]
        let parts: [String?] = [
            milliseconds(summary.p90Ns).map { "p90 \($0)" },
            milliseconds(summary.loadNs).map { "load \($0)" },
            milliseconds(summary.firstNs).map { "first \($0)" },
            summary.memoryPeakBytes.map { Int64($0).formatted(.byteCount(style: .memory)) },
            summary.hottest.map { "heat \(heat.indices.contains($0) ? heat[$0] : "unknown")" },
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }

    private func milliseconds(_ nanoseconds: Double?) -> String? {
        nanoseconds.map { Figures.milliseconds($0 / 1e6) }
    }
}
