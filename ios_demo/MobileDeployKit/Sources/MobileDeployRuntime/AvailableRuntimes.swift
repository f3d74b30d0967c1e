import MobileDeployCore

/// The versions that an app has of each runtime, by the name that manifests use.
public struct AvailableRuntimes: Equatable, Sendable {
    private let versions: [String: String]

    /// Such as ["ExecuTorch": "1.4.1", "iOS": "17.5"].
    public init(_ versions: [String: String]) {
        self.versions = versions
    }

    /// Why the artifact cannot run here, in a line for the screen; nil where it can.
    public func objection(to artifact: Artifact) -> String? {
        let needed = artifact.runtime
        guard let version = versions[needed.name] else {
            return "\(artifact.name) needs \(needed.name), which this app does not have."
        }
        let fits =
            switch needed.rule {
            case .exact: numbers(version) == numbers(needed.version)
            case .atLeast: !numbers(version).lexicographicallyPrecedes(numbers(needed.version))
            }
        if fits { return nil }
        let wanted = needed.rule == .exact ? needed.version : "\(needed.version) or later"
        return "\(artifact.name) needs \(needed.name) \(wanted), here is \(version)."
    }

    /// 17.0 is 17: zeros at the end tell nothing.
    private func numbers(_ version: String) -> [Int] {
        var numbers = version.split(separator: ".").map { Int($0) ?? 0 }
        while numbers.last == 0 { numbers.removeLast() }
        return numbers
    }
}
