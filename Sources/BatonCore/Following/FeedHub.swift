internal import Synchronization

/// All feeds of one kind of a store, and the one observation of its storage that wakes them.
final class FeedHub<Log: FollowedLog>: Sendable {
    private struct State {
        var feeds: [Log.Key: (feed: EventFeed<Log>, uses: Int)] = [:]
        var observation: StorageObservation?
        var isClosed = false
    }

    let storage: any Storage
    let executor: (any TaskExecutor)?
    private let state = Mutex(State())

    init(storage: any Storage, executor: (any TaskExecutor)?) {
        self.storage = storage
        self.executor = executor
    }

    /// The feed of a log, kept until it is released as often as it was retained.
    ///
    /// Retain it before the first read: hints are heard from then on, so that nothing falls between reading and joining.
    func retain(_ key: Log.Key) throws(StoreError) -> EventFeed<Log> {
        let (feed, isNew, needsObservation): (EventFeed<Log>, Bool, Bool) = try state.withLock { (state) throws(StoreError) in
            if state.isClosed { throw StoreError.storeClosed }
            // Whoever finds none makes one, so that nobody reads before hints are heard; a surplus one is cancelled.
            let needsObservation = state.observation == nil
            if let entry = state.feeds[key] {
                state.feeds[key] = (entry.feed, entry.uses + 1)
                return (entry.feed, false, needsObservation)
            }
            let feed = EventFeed<Log>(key: key, storage: storage, executor: executor)
            state.feeds[key] = (feed, 1)
            return (feed, true, needsObservation)
        }
        if needsObservation { observe() }
        if isNew { feed.watch() }
        return feed
    }

    func release(_ feed: EventFeed<Log>) {
        let ended: StorageObservation? = state.withLock { state in
            guard let entry = state.feeds[feed.key], entry.feed === feed else { return nil }
            if entry.uses > 1 {
                state.feeds[feed.key] = (feed, entry.uses - 1)
                return nil
            }
            state.feeds[feed.key] = nil
            guard state.feeds.isEmpty else { return nil }
            defer { state.observation = nil }
            return state.observation
        }
        ended?.cancel()
    }

    var counts: (followers: Int, feeds: Int) {
        let feeds = state.withLock { $0.feeds.values.map(\.feed) }
        return (feeds.reduce(0) { $0 + $1.followerCount }, feeds.count)
    }

    func close() {
        let (feeds, observation) = state.withLock { state in
            state.isClosed = true
            defer { state.observation = nil }
            return (state.feeds.values.map(\.feed), state.observation)
        }
        observation?.cancel()
        for feed in feeds { feed.end(.closed) }
    }

    private func observe() {
        let observation = storage.observe { [weak self] hint in self?.hear(hint) }
        let surplus: StorageObservation? = state.withLock { state in
            if state.isClosed || state.observation != nil { return observation }
            state.observation = observation
            return nil
        }
        surplus?.cancel()
    }

    private func hear(_ hint: StorageHint) {
        switch Log.concern(of: hint) {
        case .none: break
        // Most hints are about one log, which is found without looking at the others.
        case .one(let key): state.withLock { $0.feeds[key]?.feed }?.hint()
        case let concern: for feed in state.withLock({ $0.feeds.values.map(\.feed) }) where concern.covers(feed.key) { feed.hint() }
        }
    }
}
