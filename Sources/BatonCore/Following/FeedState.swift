/// What a feed knows: who follows live, up to where they have been served, and whether a read is under way.
///
/// A value without I/O: every method says what to do next, ``EventFeed`` does it. Invariant: deliveries are made only by the one
/// pump that runs while `isPumping`, so that no follower sees two of them in the wrong order.
struct FeedState<Log: FollowedLog> {
    /// What to do after a change.
    enum Action: Equatable {
        case none
        /// Start the pump: it was not running.
        case pump
    }

    /// What the pump does with what it has read.
    struct Turn {
        /// Whom to hand which delivery, outside the lock.
        var deliveries: [(follower: Follower<Log>, delivery: EventDelivery<Log.Element>)] = []
        /// Who fell too far behind to be served from here.
        var behind: [Follower<Log>] = []
    }

    /// Everything up to here was handed to all live followers; `nil` until the first one has joined.
    private(set) var position: Log.Place?
    private(set) var generation: String?
    private(set) var followers: [ObjectIdentifier: Follower<Log>] = [:]
    private(set) var isPumping = false
    private var isHinted = false
    /// Whether the last read has left something.
    private var hasMore = false
    /// Followers that joined behind the position, to be served from `recent` in the pump's next turn.
    private var joined: [Follower<Log>] = []
    /// The events between `recentStart` and `position`, bounded.
    private var recent: [Log.Element] = []
    private var recentStart: Log.Place?

    /// The most events kept for followers that join while the feed moves.
    static var recentLimit: Int { 256 }
    /// The most bytes of their bodies.
    static var recentByteLimit: Int { 1 << 20 }

    /// Something may be new.
    mutating func hint() -> Action {
        isHinted = true
        guard !isPumping, !followers.isEmpty else { return .none }
        isPumping = true
        return .pump
    }

    /// A follower that has read up to `cursor` wants to go on live.
    /// - Returns: `nil` when it belongs to another generation and cannot join.
    mutating func join(_ follower: Follower<Log>, at cursor: Log.Place, generation: String) -> Action? {
        if followers.isEmpty {
            // Whatever was known before may be old: the first follower says where the feed stands.
            position = cursor
            self.generation = generation
            recent = []
            recentStart = cursor
        }
        guard self.generation == generation, let position else { return nil }
        followers[ObjectIdentifier(follower)] = follower
        let isBehind = !Log.reaches(cursor, position)
        if isBehind { joined.append(follower) }
        // A hint may have come between the follower's last read and now, and nobody was there to act on it.
        guard isHinted || isBehind, !isPumping else { return Action.none }
        isPumping = true
        return .pump
    }

    /// A follower leaves.
    mutating func leave(_ follower: Follower<Log>) {
        followers[ObjectIdentifier(follower)] = nil
        joined.removeAll { $0 === follower }
    }

    /// The pump begins a turn: where to read from, or `nil` when nobody is left and it has stopped.
    mutating func beginTurn() -> Log.Place? {
        isHinted = false
        guard !followers.isEmpty, let position else {
            isPumping = false
            return nil
        }
        return position
    }

    /// The pump has read `page` after the position. It goes on pumping until it has made the deliveries and ends the turn: a hint
    /// that comes meanwhile must not start a second pump, which would overtake it.
    mutating func take(_ page: FollowedPage<Log>, from start: Log.Place) -> Turn {
        var turn = Turn()
        // All may have left during the read, and others joined elsewhere: they are owed another read.
        guard position == start else {
            hasMore = true
            return turn
        }
        let latecomers = joined
        joined = []
        for follower in latecomers {
            let cursor = follower.cursor
            if let recentStart, Log.reaches(cursor, recentStart) {
                let missed = recent.filter { !Log.hasPassed(cursor, $0) }
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
        position = page.next
        hasMore = !page.upToDate
        return turn
    }

    /// The pump has made its deliveries. Whether it begins another turn; otherwise it has stopped.
    mutating func endTurn() -> Bool {
        isPumping = hasMore || isHinted || !joined.isEmpty
        return isPumping
    }

    private mutating func remember(_ events: [Log.Element]) {
        recent.append(contentsOf: events)
        var kept = 0
        var bytes = 0
        for event in recent.reversed() {
            bytes += Log.size(of: event)
            guard kept < Self.recentLimit, bytes <= Self.recentByteLimit else { break }
            kept += 1
        }
        let surplus = recent.count - kept
        if surplus > 0 {
            recentStart = Log.place(of: recent[surplus - 1])
            recent.removeFirst(surplus)
        }
    }

    /// The feed is over: everybody who has to be told. The pump has stopped.
    mutating func finish() -> [Follower<Log>] {
        let all = Array(followers.values)
        followers = [:]
        joined = []
        isPumping = false
        return all
    }
}
