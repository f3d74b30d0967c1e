import Foundation

/// Lets one frame through at a time: the others are not worth being converted.
///
/// Unchecked: a lock guards all that is shared.
public final class FrameGate: @unchecked Sendable {
    private let lock = NSLock()
    private var isOpen = true

    public init() {}

    /// Whether to take a frame; if so, none after it until `open`.
    public func pass() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        defer { isOpen = false }
        return isOpen
    }

    /// The frame that was taken is done with.
    public func open() {
        lock.lock()
        defer { lock.unlock() }
        isOpen = true
    }
}
