/// What a storage keeps of the summary of one filter beside its words, and the rules of claims.
///
/// A claim is the right to store the next summary, fenced by its epoch. Whatever changes events that a summary may cover voids claims, so that one which
/// was made of what is not true any more is never stored. Storages that cannot run this code say the same in their own language.
package struct SummarySlot: Hashable, Sendable {
    /// What the stored summary covers; ``Offset/start`` when there is none.
    package var boundary: Offset
    /// The last claim; 0 when there was none.
    package var epoch: Int
    /// Until when it is held, in milliseconds; 0 when it is over.
    package var heldUntil: Int
    /// Who holds it.
    package var holder: String

    /// A slot of its parts; by default one that was never used.
    package init(boundary: Offset = .start, epoch: Int = 0, heldUntil: Int = 0, holder: String = "") {
        self.boundary = boundary
        self.epoch = epoch
        self.heldUntil = heldUntil
        self.holder = holder
    }

    /// Whether there is a summary.
    package var hasSummary: Bool { boundary.seq > 0 }
    /// Whether nothing would be lost without it.
    package func isUnused(at now: Int) -> Bool { !hasSummary && heldUntil <= now }

    /// Grants the claim.
    ///
    /// Epochs grow with the clock, so that one is not given twice where a slot was forgotten.
    /// - Throws: ``StoreError/Code/busy``.
    package mutating func grant(_ claim: SummaryClaim, at now: Int) throws(StoreError) {
        let isSame = Name.isSame(holder, claim.holder)
        guard heldUntil <= now || isSame || claim.steals else { throw StoreError.summaryClaimed }
        if heldUntil <= now || !isSame { epoch = max(epoch + 1, now) }
        holder = claim.holder
        heldUntil = now + claim.ttlMilliseconds
    }

    /// Takes a summary up to `boundary`, and ends the claim. A holder that is late, but before anybody else, may still store: its claim is the last one.
    /// - Throws: ``StoreError/Code/fenced``, ``StoreError/Code/conflict``, ``StoreError/Code/invalidField``.
    package mutating func take(_ boundary: Offset, epoch: Int, tail: Offset) throws(StoreError) {
        guard epoch == self.epoch, epoch > 0 else { throw StoreError.summaryFenced(current: self.epoch) }
        guard boundary.seq <= tail.seq else { throw StoreError.summaryBeyond(tail) }
        guard boundary.seq >= self.boundary.seq else { throw StoreError.summaryIsOlder(than: self.boundary) }
        self.boundary = boundary
        heldUntil = 0
    }

    /// Ends the claim when it is the last one.
    package mutating func release(_ epoch: Int) { if epoch == self.epoch { heldUntil = 0 } }

    /// Forgets what may not be true any more: the claim, and the summary unless `keeps` says that what it covers is what it was.
    package mutating func void(at now: Int, unless keeps: (Offset) -> Bool) {
        epoch = max(epoch + 1, now)
        heldUntil = 0
        if hasSummary, !keeps(boundary) { boundary = .start }
    }
}
