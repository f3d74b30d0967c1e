import Dispatch

/// Nanoseconds of a clock that never goes back, and stands still while the device sleeps.
public struct Stopwatch: Sendable {
    private let now: @Sendable () -> UInt64

    public init(now: @escaping @Sendable () -> UInt64 = { DispatchTime.now().uptimeNanoseconds }) {
        self.now = now
    }

    public func seconds(since begin: UInt64) -> Double {
        Double(now() - begin) / 1e9
    }

    public func read() -> UInt64 {
        now()
    }

    /// What `work` gives, and how long it took: at least 1 ns, as results have it.
    public func time<Value>(_ work: () throws -> Value) rethrows -> (value: Value, ns: Int) {
        let begin = now()
        let value = try work()
        return (value, max(1, Int(now() - begin)))
    }
}
