import Foundation

/// What the screen says of a sample of times. Exported results hold every sample instead, and
/// `mobile-deploy compare` computes the rest.
public enum OrderStatistics {
    /// The `q` quantile (0 to 1), by linear interpolation between order statistics: type 7 of
    /// Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996, numpy's default.
    /// nil for no values.
    public static func quantile(_ values: [Double], _ q: Double) -> Double? {
        precondition((0...1).contains(q))
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let place = q * Double(sorted.count - 1)
        let below = Int(place)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
    }

    /// Whether so many samples suffice to speak of the `q` quantile: that the largest (or smallest)
    /// bounds it with 97.5 %. 6 for p50, 36 for p90, 368 for p99, as in `deploy.statistics.quantiles`.
    public static func isEnough(_ count: Int, for q: Double) -> Bool {
        count >= Int((log(0.025) / log(max(q, 1 - q))).rounded(.up))
    }

    /// The middle one, or the mean of the two in the middle; nil for no values.
    public static func median(_ values: [Double]) -> Double? {
        quantile(values, 0.5)
    }
}
