/// How long a frame took, in milliseconds.
public struct FrameTimes: Equatable, Sendable {
    /// Resizing and cropping.
    public let crop: Double
    /// Making the network's input of the crop.
    public let input: Double
    /// Inference alone.
    public let network: Double
    /// All else: from the camera's format to pixels, and finding the best classes.
    public let rest: Double

    public init(crop: Double, input: Double, network: Double, rest: Double) {
        self.crop = crop
        self.input = input
        self.network = network
        self.rest = rest
    }
}

/// The last frames of a live display, of which it shows the medians.
public struct RecentFrames: Equatable, Sendable {
    private let capacity: Int
    private var frames: [FrameTimes] = []
    /// When each was done, in seconds.
    private var ends: [Double] = []

    public init(capacity: Int = 30) {
        self.capacity = capacity
    }

    /// nil before the first.
    public var median: FrameTimes? {
        guard let crop = OrderStatistics.median(frames.map(\.crop)),
            let input = OrderStatistics.median(frames.map(\.input)),
            let network = OrderStatistics.median(frames.map(\.network)),
            let rest = OrderStatistics.median(frames.map(\.rest))
        else { return nil }
        return FrameTimes(crop: crop, input: input, network: network, rest: rest)
    }

    /// nil before the second.
    public var perSecond: Double? {
        guard let first = ends.first, let last = ends.last, last > first else { return nil }
        return Double(ends.count - 1) / (last - first)
    }

    /// `end` is when the frame was done, in seconds of a clock that never goes back.
    public mutating func add(_ frame: FrameTimes, end: Double) {
        if frames.count == capacity {
            frames.removeFirst()
            ends.removeFirst()
        }
        frames.append(frame)
        ends.append(end)
    }
}
