/// From where to where a log can be read.
public struct LogExtent: Hashable, Sendable {
    /// Where the newest event stands, whether it is still there or not.
    public var tail: Offset
    /// Where the newest event stands of those that were trimmed or forgotten.
    public var floor: Offset
    /// Which log of its name it is.
    public var generation: String

    /// An extent of its parts.
    public init(tail: Offset, floor: Offset, generation: String) {
        self.tail = tail
        self.floor = floor
        self.generation = generation
    }

    /// The cause to refuse a cursor, or `nil` when reading may go on after it.
    ///
    /// Storages call it with the milliseconds of the event that stands at the cursor (`nil` when the cursor stands at none
    /// that is known), because an offset of an earlier generation names a seq that has other milliseconds now.
    public func refusal(of cursor: Cursor, millisecondsAtSeq milliseconds: Int?) -> StoreError? {
        let gone = StoreError(
            .offsetGone, "the cursor stands before what is kept, or in another generation",
            detail: .gone(earliest: floor, tail: tail, generation: generation))
        let seq = cursor.seq
        if seq == 0 { return nil }
        if seq < floor.seq || seq > tail.seq { return gone }
        guard case .offset(let offset) = cursor else { return nil }
        let known = seq == floor.seq ? floor.milliseconds : seq == tail.seq ? tail.milliseconds : milliseconds
        return known == offset.milliseconds ? nil : gone
    }
}
