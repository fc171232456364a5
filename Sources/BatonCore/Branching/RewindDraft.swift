/// A place to go back to, and what has to hold for it.
public struct RewindDraft: Hashable, Sendable {
    /// The place: readers see what they saw when the event there was the newest. A hidden event is a place too; seq 0 is the start.
    public var place: Cursor
    /// The last seq that the writer knows; the rewind is refused when it is another by now.
    public var expectedSeq: Int?
    /// The epoch of the lease that the writer holds.
    public var epoch: Int?
    /// Whether it is done though somebody else holds the lease.
    public var force: Bool

    /// A rewind with its conditions.
    public init(to place: Cursor, expectedSeq: Int? = nil, epoch: Int? = nil, force: Bool = false) {
        self.place = place
        self.expectedSeq = expectedSeq
        self.epoch = epoch
        self.force = force
    }
}
