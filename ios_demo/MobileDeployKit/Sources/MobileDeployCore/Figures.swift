import Foundation

/// Figures as the screens show them.
public enum Figures {
    /// With two digits below a millisecond, where one would say nothing, and one from there on.
    public static func milliseconds(_ value: Double) -> String {
        let digits = value < 1 ? 2 : 1
        return "\(value.formatted(.number.precision(.fractionLength(digits)))) ms"
    }
}
