/// What a screen says of a measured arm. Whether to believe it, `mobile-deploy compare` says.
public struct ArmSummary: Equatable, Sendable {
    public let medianNs: Double?
    /// nil for too few samples.
    public let p90Ns: Double?
    public let loadNs: Double?
    public let firstNs: Double?
    public let memoryPeakBytes: Int?
    /// The system's worst word on heat, around any block.
    public let hottest: Int?
    /// Why the first block that failed did.
    public let failure: String?

    public init(_ arm: MeasuredArm) {
        let answers = arm.blocks.compactMap(\.answer)
        let times = answers.flatMap(\.iterationsNs).map(Double.init)
        medianNs = OrderStatistics.median(times)
        p90Ns =
            OrderStatistics.isEnough(times.count, for: 0.9)
            ? OrderStatistics.quantile(times, 0.9) : nil
        loadNs = OrderStatistics.median(answers.compactMap(\.loadNs).map(Double.init))
        firstNs = OrderStatistics.median(answers.compactMap(\.firstNs).map(Double.init))
        memoryPeakBytes = answers.compactMap(\.memoryPeakBytes).max()
        hottest = arm.blocks
            .flatMap { [$0.before.thermalStatus, $0.after?.thermalStatus] }
            .compactMap { $0 }
            .max()
        failure = arm.blocks.compactMap(\.failure).first?.text
    }
}
