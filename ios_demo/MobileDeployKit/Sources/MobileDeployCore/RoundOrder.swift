/// In which order the arms of a round run: by chance, as in `deploy/benchmark/order.py`.
///
/// Every order is as likely, in each round anew. Were two arms the same, swapping their names in
/// any of the rounds would be as likely as not, whatever the phone does by the clock and whatever
/// an arm leaves to the next: on that rests the comparison by signed ranks, which Python makes.
public enum RoundOrder {
    /// The arms from 0 on, `seed` and `round` giving the same order every time.
    public static func of(_ arms: Int, round: Int, seed: Int) -> [Int] {
        var chance = SplitMix64(state: UInt64(bitPattern: Int64(seed)), stream: UInt64(round))
        var order = Array(0..<arms)
        // Fisher and Yates's shuffle, spelt out: the library's may change with its version.
        for last in stride(from: arms - 1, to: 0, by: -1) {
            order.swapAt(last, chance.below(last + 1))
        }
        return order
    }
}

/// Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014), as in Java.
private struct SplitMix64 {
    private static let golden: UInt64 = 0x9e37_79b9_7f4a_7c15
    private var state: UInt64

    /// Streams of one state have nothing to do with each other: each begins at a mixed number.
    init(state: UInt64, stream: UInt64) {
        self.state = SplitMix64.mix(SplitMix64.mix(state) &+ stream &* SplitMix64.golden)
    }

    /// From 0 to `count` - 1, each as likely but for one part in 2 to the 60th.
    mutating func below(_ count: Int) -> Int {
        state &+= SplitMix64.golden
        return Int(SplitMix64.mix(state).multipliedFullWidth(by: UInt64(count)).high)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
