/// When a summary is made by itself: a rule over what happened since the last one. All bounds have to be exceeded, not only met.
public indirect enum SummaryTrigger: Hashable, Sendable {
    /// More than this many events came.
    case events(Int)
    /// Events of more than this many tokens came.
    case tokens(Int)
    /// Nothing came for longer than this, or had not when it went on.
    case idle(Duration)
    /// What came, and the last summary, take more than a share of a model's window of so many tokens; never below ``leastContext`` tokens.
    case context(share: Double, window: Int)
    /// One of these.
    case any([SummaryTrigger])
    /// All of these.
    case all([SummaryTrigger])

    /// Below this many tokens no window is too full.
    public static let leastContext = 2_000

    /// What happened since the last summary.
    public struct Progress: Hashable, Sendable {
        /// How many events came.
        public var events: Int
        /// How many tokens they have.
        public var tokens: Int
        /// The longest that nothing came, up to now.
        public var idle: Duration
        /// How many tokens the last summary has.
        public var summaryTokens: Int

        /// A progress of its parts.
        public init(events: Int, tokens: Int, idle: Duration, summaryTokens: Int = 0) {
            self.events = events
            self.tokens = tokens
            self.idle = idle
            self.summaryTokens = summaryTokens
        }
    }

    /// Whether it is time. Nothing fires without an event. More of anything never turns a yes into a no, so upper bounds tell when it is not time.
    public func fires(_ progress: Progress) -> Bool { progress.events > 0 && holds(progress) }

    private func holds(_ progress: Progress) -> Bool {
        switch self {
        case .events(let count): progress.events > count
        case .tokens(let count): progress.tokens > count
        case .idle(let time): progress.idle > time
        case .context(let share, let window):
            progress.tokens + progress.summaryTokens > max(Int(Double(window) * share), SummaryTrigger.leastContext)
        case .any(let triggers): triggers.contains { $0.holds(progress) }
        case .all(let triggers): !triggers.isEmpty && triggers.allSatisfy { $0.holds(progress) }
        }
    }

    /// Which of its bounds are exceeded.
    func exceeded(by progress: Progress) -> [SummaryTrigger] {
        switch self {
        case .any(let triggers), .all(let triggers): triggers.flatMap { $0.exceeded(by: progress) }
        case .events, .tokens, .idle, .context: holds(progress) ? [self] : []
        }
    }

    /// After how long without events it is worth a look; `nil` when time alone changes nothing.
    var idleTime: Duration? {
        switch self {
        case .idle(let time): time
        case .events, .tokens, .context: nil
        case .any(let triggers), .all(let triggers): triggers.compactMap(\.idleTime).min()
        }
    }

    /// This trigger when its bounds make sense.
    /// - Throws: ``StoreError/Code/invalidParameter``.
    func checked() throws(StoreError) -> SummaryTrigger {
        switch self {
        case .events(let count): try Check.range(count, 1...1_000_000, "the events of a summary's trigger")
        case .tokens(let count): try Check.range(count, 1...1 << 40, "the tokens of a summary's trigger")
        case .idle(let time): try Check.range(time.wholeMilliseconds, 1_000...604_800_000, "the idle milliseconds of a summary's trigger")
        case .context(let share, let window):
            try Check.range(window, 1...1 << 40, "the window of a summary's trigger")
            guard share > 0, share <= 1 else { throw StoreError(.invalidParameter, "the share of a window is over 0 and at most 1") }
        case .any(let triggers), .all(let triggers):
            guard !triggers.isEmpty else { throw StoreError(.invalidParameter, "a summary's trigger is made of at least one") }
            for trigger in triggers { _ = try trigger.checked() }
        }
        return self
    }
}

/// What one process knows of a session since the last summary of one filter, without asking: upper bounds that grow with every append.
///
/// As long as appends of this process follow each other, each knows exactly what was added. What others append in between leaves a hole, and then the store has to be asked.
struct SummaryWatermark: Hashable, Sendable {
    /// The newest event that is counted.
    private(set) var tail: Offset
    /// At most this much came since the summary, up to `tail`; idle times before `tail` only.
    private(set) var progress: SummaryTrigger.Progress
    /// Whether others have appended what is not counted.
    private(set) var hasHole: Bool

    /// What was found out about a session.
    init(at tail: Offset, _ progress: SummaryTrigger.Progress) {
        self.tail = tail
        self.progress = progress
        hasHole = false
    }

    /// Counts an append.
    mutating func append(from first: Offset, through last: Offset, events: Int, tokens: Int) {
        guard last.seq > tail.seq else { return }
        if first.seq != tail.seq + 1 { hasHole = true }
        progress.events += last.seq - tail.seq
        progress.tokens += tokens
        if tail.seq > 0, progress.events > events {
            progress.idle = max(progress.idle, .milliseconds(max(0, first.milliseconds - tail.milliseconds)))
        }
        tail = last
    }

    /// Whether it may be time for a summary, so that the store has to be asked.
    func mayFire(_ trigger: SummaryTrigger, at now: Timestamp) -> Bool {
        var bound = progress
        bound.idle = max(bound.idle, .milliseconds(max(0, now.milliseconds - tail.milliseconds)))
        return hasHole || trigger.fires(bound)
    }
}
