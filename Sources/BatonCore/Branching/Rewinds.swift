/// The rewinds of a session, the oldest first.
///
/// A rewind is an event of the log. From it on readers see what they saw when the event was the newest that it goes back to, then the
/// rewind itself and what follows. So what is shown is found by going back from the end: from a rewind to its target, and on from there.
public struct Rewinds: Hashable, Sendable {
    /// One rewind.
    public struct Rewind: Hashable, Sendable {
        /// The seq of its event.
        public let seq: Int
        /// The seq that it goes back to; 0 for the start.
        public let target: Int

        /// A rewind of its parts.
        public init(seq: Int, target: Int) {
            self.seq = seq
            self.target = target
        }
    }

    /// The most rewinds of one history.
    public static let maximumCount = 1000

    /// The refusal of one more.
    public static let tooMany = StoreError(
        .tooLarge, "the session has been rewound \(maximumCount) times, which is the most; forget or trim its oldest events to go on")

    /// All of them, by seq.
    public private(set) var all: [Rewind]

    /// Rewinds in the order of their seq.
    public init(_ all: [Rewind] = []) { self.all = all }

    /// Whether nothing is hidden.
    public var isEmpty: Bool { all.isEmpty }

    /// Adds the newest.
    public mutating func append(_ rewind: Rewind) { all.append(rewind) }

    /// Forgets those that are not after the floor: what they hid is gone.
    public mutating func forget(through floor: Int) { all.removeAll { $0.seq <= floor } }

    /// Those up to a place, for a fork there.
    public func through(_ seq: Int) -> Rewinds { Rewinds(all.filter { $0.seq <= seq }) }

    /// What is shown when `end` is the newest seq, as ranges that ascend; nothing below `first`. O(rewinds).
    public func shown(from first: Int, through end: Int) -> [ClosedRange<Int>] {
        var ranges: [ClosedRange<Int>] = []
        var end = end
        for rewind in all.reversed() where rewind.seq <= end {
            guard end >= first else { break }
            ranges.append(max(first, rewind.seq)...end)
            end = rewind.target
        }
        if end >= first { ranges.append(first...end) }
        return ranges.reversed()
    }
}

/// What has to be known of a session to see how far it goes together with another.
public struct BranchOutline: Hashable, Sendable {
    /// The session's generation.
    public var generation: String
    /// The sessions that it descends from, its parent first.
    public var ancestors: [BranchPoint]
    /// The seq of its tail.
    public var tail: Int
    /// Its rewinds, those that it took over included.
    public var rewinds: Rewinds

    /// An outline of its parts.
    public init(generation: String, ancestors: [BranchPoint], tail: Int, rewinds: Rewinds) {
        self.generation = generation
        self.ancestors = ancestors
        self.tail = tail
        self.rewinds = rewinds
    }

    /// The seq of the last event that both show with everything before it; 0 when there is none.
    public func lastCommonSeq(with other: BranchOutline) -> Int {
        var common = 0
        for (a, b) in zip(makers, other.makers) {
            guard a.generation == b.generation else { break }
            common = min(a.through, b.through)
            guard a.through == b.through else { break }
        }
        func shown(_ outline: BranchOutline) -> [ClosedRange<Int>] {
            outline.rewinds.shown(from: 1, through: outline.tail).filter { $0.lowerBound <= common }.map {
                $0.lowerBound...min($0.upperBound, common)
            }
        }
        var last = 0
        for (a, b) in zip(shown(self), shown(other)) {
            guard a.lowerBound == b.lowerBound else { break }
            last = min(a.upperBound, b.upperBound)
            guard a.upperBound == b.upperBound else { break }
        }
        return last
    }

    /// Who made the events of the log, the oldest first, each up to a seq.
    private var makers: [(generation: String, through: Int)] {
        ancestors.reversed().map { ($0.generation, $0.at.seq) } + [(generation, tail)]
    }
}
