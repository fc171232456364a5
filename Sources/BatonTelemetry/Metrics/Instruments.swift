internal import Synchronization

/// A number that only goes up.
public final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    init() {}

    /// Adds to it.
    public func increment(by amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }

    /// The sum so far.
    public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that goes up and down.
public final class Gauge: Sendable {
    private let value64 = AtomicDouble()

    init() {}

    /// Replaces the number.
    public func set(_ value: Double) { value64.store(value) }
    /// Adds to the number.
    public func increment(by amount: Double = 1) { value64.add(amount) }
    /// Takes from the number.
    public func decrement(by amount: Double = 1) { value64.add(-amount) }
    /// The number now.
    public var value: Double { value64.load() }
}

/// Counts observations in fixed buckets; recording takes two atomic additions and no lock.
public final class Histogram: Sendable {
    /// Upper bounds for latencies in seconds, from 100 µs to 10 s.
    public static let latencyBuckets: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// Upper bounds, ascending; what lies above the last is counted all the same.
    public let bounds: [Double]
    private let counts: AtomicCounts
    private let sum64 = AtomicDouble()

    init(buckets: [Double]) {
        bounds = Set(buckets.filter(\.isFinite)).sorted()
        counts = AtomicCounts(bounds.count + 1)
    }

    /// Counts one observation. NaN is ignored: it would spoil the sum for good.
    public func record(_ value: Double) {
        guard !value.isNaN else { return }
        var index = 0
        // A linear search: there are few bounds, and most values lie low.
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts.increment(index)
        sum64.add(value)
    }

    /// Counts one duration, in seconds.
    public func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        record(Double(seconds) + Double(attoseconds) * 1e-18)
    }

    /// How many observations there were.
    public var count: UInt64 { counts.loadAll().reduce(0, &+) }
    /// The sum of all observations.
    public var sum: Double { sum64.load() }

    /// One count for each bound, and one for what lies above the last; not cumulated.
    var bucketCounts: [UInt64] { counts.loadAll() }
}

/// A number read at scrape time; nil when there is nothing more to read.
final class Observed: Sendable {
    let read: @Sendable () -> Double?

    init(_ read: @escaping @Sendable () -> Double?) { self.read = read }
}

/// A floating-point number that several threads may change.
private final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: current) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: current, desired: sum, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }
}

/// A fixed number of counts.
///
/// `@unchecked Sendable`: the pointer is set once in `init` and freed in `deinit`; what it points to is atomic.
private final class AtomicCounts: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Atomic<UInt64>>
    private let size: Int

    init(_ size: Int) {
        self.size = size
        base = .allocate(capacity: size)
        for index in 0..<size { (base + index).initialize(to: Atomic(0)) }
    }

    deinit {
        base.deinitialize(count: size)
        base.deallocate()
    }

    func increment(_ index: Int) {
        precondition(index < size)
        base[index].wrappingAdd(1, ordering: .relaxed)
    }

    func loadAll() -> [UInt64] { (0..<size).map { base[$0].load(ordering: .relaxed) } }
}
