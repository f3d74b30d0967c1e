import MobileDeployCore

/// What an app can run of the bundles that lie in it, and why it cannot run the rest.
public struct Choices: Sendable {
    public let bundles: [ModelBundle]
    /// Bundles that cannot be used, and artifacts that cannot run here, each with the reason.
    public let objections: [String]
    private let arms: [Arm]

    /// `hasQuickInt8` is whether this device's Neural Engine gains from int8 activations.
    public init(
        _ found: [(name: String, bundle: Result<ModelBundle, any Error>)],
        formats: Set<Artifact.Format>, runtimes: AvailableRuntimes, hasQuickInt8: Bool
    ) {
        var (bundles, objections, arms) = ([ModelBundle](), [String](), [Arm]())
        for (name, result) in found {
            do {
                bundles.append(try result.get())
            } catch {
                objections.append("\(name): \(error.localizedDescription)")
            }
        }
        for bundle in bundles {
            let known = bundle.manifest.artifacts.filter { formats.contains($0.format) }
            if known.isEmpty {
                let made = Set(bundle.manifest.artifacts.map(\.runtime.name)).sorted()
                    .joined(separator: " and ")
                objections.append(
                    "\(bundle.name) is for \(made) alone, which this app "
                        + "does not have: build it with --formats coreml,executorch.")
            }
            objections += known.compactMap(runtimes.objection)
            let order = Choices.order(hasQuickInt8: hasQuickInt8)
            let ranked = known.filter { runtimes.objection(to: $0) == nil }
                .map { (rank: order.firstIndex(of: Kind($0)) ?? order.count, artifact: $0) }
                .enumerated()
                .sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
            arms += ranked.map { ranked in
                let artifact = ranked.element.artifact
                let units: ComputeUnits? = artifact.format == .coreml ? .all : nil
                return Arm(bundle: bundle, artifact: artifact, units: units)
            }
        }
        self.bundles = bundles
        self.objections = objections
        self.arms = arms
    }

    /// What can be run of a bundle, the best for this device first.
    public func of(_ bundle: ModelBundle) -> [Arm] {
        arms.filter { $0.bundle == bundle }
    }

    /// What to begin with: the best of the bundle of that name, or of the first that has any.
    public func preferred(of name: String? = nil) -> Arm? {
        arms.first { $0.bundle.name == name } ?? arms.first
    }

    /// Why there is nothing to run, in a line for the screen; nil where there is.
    public var nothing: String? {
        if !arms.isEmpty { return nil }
        if objections.isEmpty {
            return "No bundle is in the app. Put one in with `mobile-deploy app ios BUNDLE` and "
                + "build it again, or import a file of `mobile-deploy pack BUNDLE`."
        }
        return objections.joined(separator: "\n")
    }

    private struct Kind: Equatable {
        let format: Artifact.Format
        let precision: Artifact.Precision

        init(_ format: Artifact.Format, _ precision: Artifact.Precision) {
            self.format = format
            self.precision = precision
        }

        init(_ artifact: Artifact) {
            self.init(artifact.format, artifact.precision)
        }
    }

    /// docs/bundle.md: int8 pays on the Neural Engine of the A17 Pro, M4 and later; before them
    /// fp16, or w8 for its size. The processor comes after it, there int8 first.
    private static func order(hasQuickInt8: Bool) -> [Kind] {
        let half = [Kind(.coreml, .fp16), Kind(.coreml, .w8)]
        let int8 = Kind(.coreml, .int8)
        return (hasQuickInt8 ? [int8] + half : half + [int8])
            + [Kind(.executorch, .int8), Kind(.coreml, .fp32), Kind(.executorch, .fp32)]
    }
}

/// What of a device's chip decides.
public enum Chip {
    /// Whether the Neural Engine of this model, such as iPhone16,1, is quicker in int8 than in fp16:
    /// that of the A17 Pro, M4 and later, with which generation 16 of iPhones and iPads began.
    public static func hasQuickInt8(model: String) -> Bool {
        for family in ["iPhone", "iPad"] where model.hasPrefix(family) {
            let generation = model.dropFirst(family.count).prefix { $0.isNumber }
            return (Int(generation) ?? 0) >= 16
        }
        return false
    }
}
