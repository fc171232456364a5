/// What a model is to be shown of a session.
public struct ContextRequest: Hashable, Sendable {
    /// How a history is cut down.
    public enum Strategy: String, Hashable, Sendable, CaseIterable {
        /// To the newest events that the budget has room for.
        case truncate
        /// To a window of the newest events, ``ContextRequest/window`` unless ``ContextRequest/maximumEvents`` says how many, and to the budget.
        case sliding
        /// To the newest summary and the events after what it covers. Without a summary, and where the newest turn has no room beside it, as ``truncate``.
        case summarize
        /// To the newest summary and a window of the newest events, whether it covers them or not, but never fewer than those that it does not cover. Without a summary
        /// as ``sliding``.
        case hybrid

        /// Whether a summary is part of it.
        var usesSummary: Bool { self == .summarize || self == .hybrid }
        /// What it comes to without a summary.
        var withoutSummary: Strategy {
            switch self {
            case .truncate, .summarize: .truncate
            case .sliding, .hybrid: .sliding
            }
        }
    }

    /// What becomes of a history that is over the budget.
    public enum Overflow: String, Hashable, Sendable, CaseIterable {
        /// It is cut down as the strategy says.
        case compress
        /// It is cut down to the newest events that the budget has room for, whatever the strategy.
        case truncate
        /// It is refused.
        case error
    }

    /// Which system messages are kept, whatever else is cut; a system message is an event with the role `system` or `developer`.
    public enum SystemMessages: String, Hashable, Sendable, CaseIterable {
        /// Those that the history begins with, and those among the events that were read.
        case leading
        /// All. The whole history is searched for them, and where a storage cannot search by roles it is read.
        case all
        /// None but those that are kept as any other event.
        case none
    }

    /// The most tokens of the context and of the answer; `nil` for no such limit.
    public var maximumTokens: Int?
    /// How many of them are kept free for the answer.
    public var reserve: Int
    /// How a history is cut down.
    public var strategy: Strategy
    /// What becomes of a history that is over the budget.
    public var overflow: Overflow
    /// At least this many of the newest events have to have room, tool rounds counted by their events.
    public var minimumEvents: Int
    /// At most this many events, system messages aside, 1 to ``mostEvents``; `nil` for what the strategy says.
    public var maximumEvents: Int?
    /// Which system messages are kept.
    public var systemMessages: SystemMessages
    /// Whether the events, system messages aside, have to begin with one of the role `user`.
    public var beginsWithUser: Bool
    /// Which model it is for, to count its tokens; `nil` for any.
    public var model: String?
    /// What an image is taken for, in tokens.
    public var imageTokens: Int
    /// Which events and which summary; see ``SummaryScope``. Empty for the whole session.
    public var filter: String

    /// The most events of one context.
    public static let mostEvents = 10_000
    /// The most bytes of the events of one context.
    public static let mostBytes = 64 << 20
    /// How many events ``Strategy/sliding`` keeps unless it is told.
    public static let window = 50

    /// A request; by default the newest events that there are, up to ``mostEvents``.
    public init(
        maximumTokens: Int? = nil, reserve: Int = 0, strategy: Strategy = .truncate, overflow: Overflow = .compress, minimumEvents: Int = 1,
        maximumEvents: Int? = nil, systemMessages: SystemMessages = .leading, beginsWithUser: Bool = true, model: String? = nil,
        imageTokens: Int = 1000, filter: String = ""
    ) {
        self.maximumTokens = maximumTokens
        self.reserve = reserve
        self.strategy = strategy
        self.overflow = overflow
        self.minimumEvents = minimumEvents
        self.maximumEvents = maximumEvents
        self.systemMessages = systemMessages
        self.beginsWithUser = beginsWithUser
        self.model = model
        self.imageTokens = imageTokens
        self.filter = filter
    }

    /// How many tokens the context may have; `nil` for any number.
    public var budget: Int? { maximumTokens.map { max(0, $0 - reserve) } }

    /// How many events the context may have, system messages aside.
    var eventLimit: Int {
        maximumEvents ?? (strategy.withoutSummary == .sliding && overflow != .truncate ? ContextRequest.window : ContextRequest.mostEvents)
    }

    /// This request when it can be met by some history.
    /// - Throws: ``StoreError/Code/invalidParameter``.
    func checked() throws(StoreError) -> ContextRequest {
        if let maximumTokens {
            try Check.range(maximumTokens, 1...1 << 40, "maxTokens")
            guard reserve >= 0, reserve < maximumTokens else {
                throw StoreError(.invalidParameter, "reserve has to be at least 0 and below maxTokens, which is \(maximumTokens)")
            }
        } else {
            guard reserve == 0, overflow == .compress else {
                throw StoreError(.invalidParameter, "reserve and overflow need maxTokens: without it there is no budget")
            }
        }
        try Check.range(eventLimit, 1...ContextRequest.mostEvents, "maxEvents")
        try Check.range(minimumEvents, 1...eventLimit, "minEvents")
        try Check.range(imageTokens, 0...1_000_000, "imageTokens")
        _ = try SummaryScope(checking: filter)
        return self
    }
}
