internal import Synchronization

/// The live end of one session or topic: read once, handed to all followers.
final class EventFeed<Log: FollowedLog>: Sendable {
    let key: Log.Key
    private let storage: any Storage
    private let executor: (any TaskExecutor)?
    private let state = Mutex(FeedState<Log>())
    /// Lives as long as the feed: the storage hints at it while somebody follows it.
    private let observation = Mutex<StorageObservation?>(nil)

    /// The most events of one read.
    static var pageSize: Int { 256 }

    init(key: Log.Key, storage: any Storage, executor: (any TaskExecutor)?) {
        self.key = key
        self.storage = storage
        self.executor = executor
    }

    var followerCount: Int { state.withLock { $0.followers.count } }

    /// Asks the storage for hints.
    func watch() {
        let observation = Log.watch(key, in: storage)
        self.observation.withLock { $0 = observation }
    }

    func hint() {
        act(state.withLock { $0.hint() })
    }

    /// Lets a follower go on live from `cursor`. False when it has read another generation than the feed.
    func join(_ follower: Follower<Log>, at cursor: Log.Place, generation: String) -> Bool {
        guard let action = state.withLock({ $0.join(follower, at: cursor, generation: generation) }) else { return false }
        act(action)
        return true
    }

    func leave(_ follower: Follower<Log>) {
        state.withLock { $0.leave(follower) }
    }

    func end(_ ending: FollowEnding) {
        for follower in state.withLock({ $0.finish() }) { follower.end(ending) }
    }

    private func act(_ action: FeedState<Log>.Action) {
        guard action == .pump else { return }
        Task(executorPreference: executor) { await self.pump() }
    }

    private func pump() async {
        var failures = 0
        while let (position, generation) = state.withLock({ state in state.beginTurn().map { ($0, state.generation) } }) {
            do throws(StoreError) {
                let page = try await Log.page(of: key, after: position, limit: Self.pageSize, nil, from: storage)
                failures = 0
                if let gone = Log.refusal(of: page, after: generation ?? "") { return end(.resync(gone)) }
                let turn = state.withLock { $0.take(page, from: position) }
                for (follower, delivery) in turn.deliveries { follower.push(delivery) }
                for follower in turn.behind { follower.catchUp() }
                guard state.withLock({ $0.endTurn() }) else { return }
            } catch {
                if let ending = FollowEnding(error) { return end(ending) }
                // Unreachable: followers wait. They are told by silence of events, not by an end, because nothing is lost.
                failures += 1
                try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
            }
        }
    }
}

extension FollowEnding {
    /// What an error means for a follower; `nil` when waiting may mend it.
    init?(_ error: StoreError) {
        switch error.code {
        case .notFound: self = .deleted
        case .offsetGone: self = .resync(error)
        case .closed: self = .closed
        case _ where error.isRetryable: return nil
        default: self = .failed(error)
        }
    }
}

/// How long to wait before trying again.
package enum Backoff {
    /// Full jitter: anything up to 50 ms, 100 ms, 200 ms … 2 s, so that many who wait do not come back at once.
    package static func delay(afterFailures failures: Int) -> Duration {
        .milliseconds(Int.random(in: 10...max(11, min(2000, 50 << min(failures - 1, 6)))))
    }
}
