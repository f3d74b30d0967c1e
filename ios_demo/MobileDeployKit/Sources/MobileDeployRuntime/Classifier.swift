import MobileDeployCore

/// A network in some runtime, loaded and ready. Not for several threads: whoever makes it keeps it.
///
/// The steps are apart so that inference alone can be timed. Each throws `RunnerError`.
public protocol Classifier: AnyObject {
    /// What runs it, such as Core ML, and its version where it tells.
    var runtime: RuntimeName { get }

    /// Take a crop of the network's size as the next input.
    func prepare(_ crop: RGBImage) throws

    /// Run the network on that input.
    func run() throws

    /// What it said of it.
    func logits() throws -> Logits
}

public struct RuntimeName: Equatable, Sendable {
    public let name: String
    public let version: String?

    public init(_ name: String, version: String?) {
        self.name = name
        self.version = version
    }
}

extension Classifier {
    /// All three steps.
    public func classify(_ crop: RGBImage) throws -> Logits {
        try prepare(crop)
        try run()
        return try logits()
    }
}
