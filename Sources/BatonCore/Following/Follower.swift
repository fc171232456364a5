internal import Synchronization

/// One reader of one session or topic: catches up from the storage at its sink's pace, then goes on live from the feed it shares.
///
/// While it is live no task exists for it. Its cursor moves only when its sink has accepted events, so whatever interrupts
/// it, going on from the cursor has neither gap nor duplicate.
public final class Follower<Log: FollowedLog>: Sendable {
    private struct State {
        var cursor: Log.Place
        var generation: String
        var sink: (any EventSink<Log.Element>)?
        /// The feed has delivered everything that the follower had read before it joined: from now on nothing comes twice.
        var isInStep = false
        var isOver = false
    }

    private let feed: EventFeed<Log>
    private let hub: FeedHub<Log>
    private let filter: Log.Filter
    private let state: Mutex<State>

    /// The first page, read already: its cursor was checked, and the log was there.
    private let firstPage: Mutex<FollowedPage<Log>?>

    init(feed: EventFeed<Log>, hub: FeedHub<Log>, filter: Log.Filter, from cursor: Log.Place, firstPage: FollowedPage<Log>) {
        self.feed = feed
        self.hub = hub
        self.filter = filter
        self.state = Mutex(State(cursor: cursor, generation: firstPage.generation))
        self.firstPage = Mutex(firstPage)
    }

    deinit { if !state.withLock({ $0.isOver }) { hub.release(feed) } }

    /// Where the follower stands: everything up to here has been accepted by its sink.
    var cursor: Log.Place { state.withLock { $0.cursor } }

    /// Hands events to `sink`. Returns when the follower has caught up and is live, or is over. Call it once.
    public func start(into sink: any EventSink<Log.Element>) async {
        state.withLock { $0.sink = sink }
        await run()
    }

    /// Stops. The sink hears nothing more.
    public func cancel() { finish(nil) }

    // MARK: - Catching up

    func catchUp() {
        Task(executorPreference: hub.executor) { await self.run() }
    }

    private func run() async {
        var failures = 0
        while let (cursor, generation, sink) = state.withLock({ state in state.sink.map { (state.cursor, state.generation, $0) } }) {
            do throws(StoreError) {
                let isFirst = firstPage.withLock { $0 != nil }
                let page = try await nextPage(after: cursor)
                failures = 0
                if let gone = Log.refusal(of: page, after: generation) { return finish(.resync(gone)) }
                if !page.events.isEmpty {
                    do { try await sink.write(EventDelivery(page.events)) } catch { return finish(nil) }
                }
                // The first page also tells a reader that began at a moment, or now, where that was.
                let known = page.events.last.map(Log.place(of:)) ?? (isFirst ? nil : cursor)
                if page.next != known { sink.moved(to: page.next.description) }
                state.withLock { state in
                    state.cursor = page.next
                    state.isInStep = false
                }
                if page.upToDate, feed.join(self, at: page.next, generation: generation) { return }
            } catch {
                if let ending = FollowEnding(error) { return finish(ending) }
                failures += 1
                try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
            }
            if Task.isCancelled { return finish(nil) }
        }
    }

    private func nextPage(after cursor: Log.Place) async throws(StoreError) -> FollowedPage<Log> {
        if let page = firstPage.withLock({ $0.take() }) { return page }
        return try await Log.page(of: feed.key, after: cursor, limit: EventFeed<Log>.pageSize, filter, from: hub.storage)
    }

    // MARK: - Live

    /// Takes a delivery of the feed. Only the feed's pump calls it, one delivery after the other.
    func push(_ delivery: EventDelivery<Log.Element>) {
        guard let last = delivery.events.last,
            let (cursor, isInStep, sink) = state.withLock({ state in state.sink.map { (state.cursor, state.isInStep, $0) } })
        else { return }
        let wanted = delivery.events.filter { (isInStep || !Log.hasPassed(cursor, $0)) && Log.matches($0, filter) }
        let accepted = wanted.isEmpty || sink.push(wanted.count == delivery.events.count ? delivery : EventDelivery(wanted))
        guard accepted else {
            feed.leave(self)
            return catchUp()
        }
        let reached = Log.place(of: last)
        let place = isInStep ? reached : Log.union(cursor, reached)
        state.withLock { state in
            state.cursor = place
            state.isInStep = isInStep || Log.reaches(reached, cursor)
        }
        if wanted.isEmpty { sink.moved(to: place.description) }
    }

    func end(_ ending: FollowEnding) { finish(ending) }

    private func finish(_ ending: FollowEnding?) {
        let (sink, wasOver) = state.withLock { state in
            defer {
                state.sink = nil
                state.isOver = true
            }
            return (state.sink, state.isOver)
        }
        guard !wasOver else { return }
        feed.leave(self)
        hub.release(feed)
        if let ending { sink?.end(ending) }
    }
}

extension SessionStore {
    /// A follower of a session, not started yet.
    ///
    /// The first page is read here, so that an absent session or a cursor that is gone is an error of this call and not of the
    /// stream. Nothing is lost between this read and the live end: hints are heard from before it.
    /// - Throws: ``StoreError/Code/notFound``, ``StoreError/Code/offsetGone``, or why the storage could not be read.
    public func follower(
        of key: SessionKey, after cursor: Cursor = .seq(0), filter: EventFilter = EventFilter()
    ) async throws(StoreError) -> Follower<SessionLog> {
        try await feeds.follower(of: key, filter) { () throws(StoreError) in
            FollowedPage(
                try await self.events(in: key, EventQuery(after: cursor, limit: EventFeed<SessionLog>.pageSize, filter: filter)), after: .start)
        }
    }
}

extension FeedHub {
    /// A follower of a log whose first page `read` gives, not started yet.
    func follower(
        of key: Log.Key, _ filter: Log.Filter, _ read: () async throws(StoreError) -> FollowedPage<Log>
    ) async throws(StoreError) -> Follower<Log> {
        let feed = try retain(key)
        do throws(StoreError) {
            let page = try await read()
            return Follower(feed: feed, hub: self, filter: filter, from: page.next, firstPage: page)
        } catch {
            release(feed)
            throw error
        }
    }
}
