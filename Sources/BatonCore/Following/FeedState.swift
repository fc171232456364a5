/// What a feed knows: who follows live, up to where they have been served, and whether a read is under way.
///
/// A value without I/O: every method says what to do next, ``EventFeed`` does it. Invariant: deliveries are made only by the one
/// pump that runs while `isPumping`, so that no follower sees two of them in the wrong order.
struct FeedState {
    /// What to do after a change.
    enum Action: Equatable {
        case none
        /// Start the pump: it was not running.
        case pump
    }

    /// What the pump does with what it has read.
    struct Turn {
        /// Whom to hand which delivery, outside the lock.
        var deliveries: [(follower: Follower, delivery: EventDelivery)] = []
        /// Who fell too far behind to be served from here.
        var behind: [Follower] = []
    }

    /// Everything up to here was handed to all live followers; `nil` until the first one has joined.
    private(set) var position: Offset?
    private(set) var generation: String?
    private(set) var followers: [ObjectIdentifier: Follower] = [:]
    private(set) var isPumping = false
    private var isHinted = false
    /// Whether the last read has left something.
    private var hasMore = false
    /// Followers that joined behind the position, to be served from `recent` in the pump's next turn.
    private var joined: [Follower] = []
    /// The events between `recentStart` and `position`, bounded.
    private var recent: [Event] = []
    private var recentStart: Offset = .start

    /// The most events kept for followers that join while the feed moves.
    static let recentLimit = 256
    /// The most bytes of their bodies.
    static let recentByteLimit = 1 << 20

    /// Something may be new.
    mutating func hint() -> Action {
        isHinted = true
        guard !isPumping, !followers.isEmpty else { return .none }
        isPumping = true
        return .pump
    }

    /// A follower that has read up to `cursor` wants to go on live.
    /// - Returns: `nil` when it belongs to another generation and cannot join.
    mutating func join(_ follower: Follower, at cursor: Offset, generation: String) -> Action? {
        if followers.isEmpty {
            // Whatever was known before may be old: the first follower says where the feed stands.
            position = cursor
            self.generation = generation
            recent = []
            recentStart = cursor
        }
        guard self.generation == generation, let position else { return nil }
        followers[ObjectIdentifier(follower)] = follower
        if cursor < position { joined.append(follower) }
        // A hint may have come between the follower's last read and now, and nobody was there to act on it.
        guard isHinted || cursor < position, !isPumping else { return Action.none }
        isPumping = true
        return .pump
    }

    /// A follower leaves.
    mutating func leave(_ follower: Follower) {
        followers[ObjectIdentifier(follower)] = nil
        joined.removeAll { $0 === follower }
    }

    /// The pump begins a turn: where to read from, or `nil` when nobody is left and it has stopped.
    mutating func beginTurn() -> Offset? {
        isHinted = false
        guard !followers.isEmpty, let position else {
            isPumping = false
            return nil
        }
        return position
    }

    /// The pump has read `page` after the position. It goes on pumping until it has made the deliveries and ends the turn: a hint
    /// that comes meanwhile must not start a second pump, which would overtake it.
    mutating func take(_ page: EventPage, from start: Offset) -> Turn {
        var turn = Turn()
        // All may have left during the read, and others joined elsewhere: they are owed another read.
        guard position == start else {
            hasMore = true
            return turn
        }
        let latecomers = joined
        joined = []
        for follower in latecomers {
            if follower.cursor.seq >= recentStart.seq {
                let missed = recent.filter { $0.seq > follower.cursor.seq }
                if !missed.isEmpty { turn.deliveries.append((follower, EventDelivery(missed))) }
            } else {
                followers[ObjectIdentifier(follower)] = nil
                turn.behind.append(follower)
            }
        }
        if !page.events.isEmpty {
            let delivery = EventDelivery(page.events)
            for follower in followers.values { turn.deliveries.append((follower, delivery)) }
            remember(page.events)
        }
        position = page.next ?? start
        hasMore = !page.upToDate
        return turn
    }

    /// The pump has made its deliveries. Whether it begins another turn; otherwise it has stopped.
    mutating func endTurn() -> Bool {
        isPumping = hasMore || isHinted || !joined.isEmpty
        return isPumping
    }

    private mutating func remember(_ events: [Event]) {
        recent.append(contentsOf: events)
        var kept = 0
        var bytes = 0
        for event in recent.reversed() {
            bytes += event.body.bytes.count
            guard kept < FeedState.recentLimit, bytes <= FeedState.recentByteLimit else { break }
            kept += 1
        }
        let surplus = recent.count - kept
        if surplus > 0 {
            recentStart = recent[surplus - 1].offset
            recent.removeFirst(surplus)
        }
    }

    /// The feed is over: everybody who has to be told. The pump has stopped.
    mutating func finish() -> [Follower] {
        let all = Array(followers.values)
        followers = [:]
        joined = []
        isPumping = false
        return all
    }
}
