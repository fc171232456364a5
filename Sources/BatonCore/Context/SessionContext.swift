/// What a model is shown of a session, and what was left out.
public struct SessionContext: Hashable, Sendable {
    /// Why events were left out.
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        /// The budget had no room.
        case budget
        /// There were enough newer ones.
        case maxEvents
        /// They stood before the first turn of a user that is shown.
        case turn
        /// They are half of a tool round whose other half is not there.
        case orphan
        /// They are pieces of something that was still being made.
        case partial
        /// They are the store's own notes, such as rewinds, handoffs and approvals.
        case notice
        /// The summary that is shown covers them.
        case summarized
    }

    /// What was left out for one reason.
    public struct Dropped: Hashable, Sendable {
        /// How many events.
        public var events = 0
        /// How many tokens they have.
        public var tokens = 0
    }

    /// The events, oldest first, system messages before all others.
    public var events: [Event]
    /// What stands for the events that are not shown and were before; the caller puts it before the events, as a system message or however its model likes it.
    public var summary: Summary?
    /// How many tokens they have, that of the summary included.
    public var tokens: Int
    /// How many they may have; `nil` for any number.
    public var budget: Int?
    /// What was left out of what was read, by reason.
    public var dropped: [Reason: Dropped]
    /// How the history was cut; `nil` when everything is shown that is part of it.
    public var applied: ContextRequest.Strategy?
    /// How many events were read.
    public var readEvents: Int
    /// How many bytes of events were read.
    public var readBytes: Int
    /// Whether the history was read to its beginning; otherwise there are older events that nobody looked at.
    public var isWhole: Bool
    /// Where the newest event of the session stood.
    public var tail: Offset
}

extension StoreError {
    /// What has to be shown does not fit the budget.
    static func overBudget(_ what: String, _ tokens: Int, _ budget: Int) -> StoreError {
        StoreError(.budgetExceeded, "\(what) would take \(tokens) tokens; the budget is \(budget)", detail: .current(tokens))
    }
}
