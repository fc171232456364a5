/// What a storage owes to branches: forks that share what they have in common, and rewinds that delete nothing.
///
/// What a session shows is put together from logs: an ordinary session shows its own, from its floor to its tail. A fork at a place takes
/// over the log as it is there and goes on in one of its own, with the next seq. No event is copied, and what was taken over stays as long as
/// any session shows it, whatever becomes of the others: deletion, expiry, trimming and clearing of one branch are not seen in another. The
/// same holds for edits and removals after the fork; those before it are seen by both.
public protocol BranchStorage: Sendable {
    /// Makes a session whose history is that of `key` up to a place. It has the parent's fields and state of its own as they are now, with what
    /// the draft says instead; it is active, at version 1, in a generation of its own, and knows no idempotency keys. The parent does not
    /// change, neither its version nor its times. All the same the caller is held to the fence of the parent's lease, unless the draft
    /// says `force`: nobody forks in the middle of another's turn by accident.
    ///
    /// Costs as much for a million events as for none.
    /// - Throws: ``StoreError/noSession``; as ``Fence/pass(_:at:)`` does; ``StoreError/Code/offsetGone`` for a place that the parent does not have;
    ///   ``StoreError/Code/exists`` when there is a session at `fork`; ``History/tooManyLogs``.
    func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) async throws(StoreError) -> SessionSnapshot

    /// Appends an event of type `session.rewind` after which readers see what they saw when the event at its place was the newest. What is hidden
    /// stays in the log: it keeps its ids and seqs, cursors on it stay good, and it can be read with ``EventQuery/View/log``, by id, and by
    /// forks and rewinds to it. State is not rewound. With `force` the fence is passed by.
    /// - Throws: ``StoreError/noSession``; as ``Fence/pass(_:at:)`` does; ``StoreError/Code/preconditionFailed`` with the current seq when it is not `expectedSeq`;
    ///   ``StoreError/Code/offsetGone`` for a place that the session does not have; ``Rewinds/tooMany``.
    func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt

    /// Where the session comes from, and the forks of it that are there.
    func lineage(of key: SessionKey) async throws(StoreError) -> Lineage

    /// How far two sessions go together, and how many events each shows after that.
    func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison
}

/// How histories are put together.
public enum History {
    /// The most logs that one history is put together from. Each fork adds one to the fork, and one to its parent when that has new events.
    public static let maximumLogs = 64

    /// The refusal of one more.
    public static let tooManyLogs = StoreError(
        .tooLarge, "the history would be put together from more than \(maximumLogs) logs, one for each fork of it; fork an earlier place")

    /// What a rewind appends.
    /// - Throws: never for a seq; its content is a number.
    public static func rewindEvent(to seq: Int) throws(StoreError) -> EventDraft {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("to")
            writer.int(seq)
        }
        return try EventDraft(NewEvent(JSON(checked: writer.bytes), type: rewindType))
    }

    /// The type of the event of a rewind.
    public static let rewindType = "session.rewind"
}
