internal import Synchronization

/// One reader of one session: catches up from the storage at its sink's pace, then goes on live from the feed it shares.
///
/// While it is live no task exists for it. Its cursor moves only when its sink has accepted events, so whatever interrupts
/// it, going on from the cursor has neither gap nor duplicate.
public final class Follower: Sendable {
    private struct State {
        var cursor: Offset
        var generation: String
        var sink: (any EventSink)?
        var isOver = false
    }

    private let feed: EventFeed
    private let hub: FeedHub
    private let filter: EventFilter
    private let state: Mutex<State>

    /// The first page, read already: its cursor was checked, and the session was there.
    private let firstPage: Mutex<EventPage?>

    init(feed: EventFeed, hub: FeedHub, filter: EventFilter, from cursor: Offset, firstPage: EventPage) {
        self.feed = feed
        self.hub = hub
        self.filter = filter
        self.state = Mutex(State(cursor: cursor, generation: firstPage.generation))
        self.firstPage = Mutex(firstPage)
    }

    deinit { if !state.withLock({ $0.isOver }) { hub.release(feed) } }

    /// Where the follower stands: everything up to here has been accepted by its sink.
    var cursor: Offset { state.withLock { $0.cursor } }

    /// Hands events to `sink`. Returns when the follower has caught up and is live, or is over. Call it once.
    public func start(into sink: any EventSink) async {
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
                let page = try await nextPage(after: cursor)
                failures = 0
                guard page.generation == generation else {
                    let gone = StoreError(
                        .offsetGone, "the session was deleted and created again",
                        detail: .gone(earliest: .start, tail: page.tail, generation: page.generation))
                    return finish(.resync(gone))
                }
                if !page.events.isEmpty {
                    do { try await sink.write(EventDelivery(page.events)) } catch { return finish(nil) }
                }
                let reached = page.next ?? cursor
                state.withLock { $0.cursor = reached }
                if page.upToDate, feed.join(self, at: reached, generation: generation) { return }
            } catch {
                if let ending = FollowEnding(error) { return finish(ending) }
                failures += 1
                try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
            }
            if Task.isCancelled { return finish(nil) }
        }
    }

    private func nextPage(after cursor: Offset) async throws(StoreError) -> EventPage {
        if let page = firstPage.withLock({ $0.take() }) { return page }
        return try await hub.storage.events(in: feed.key, EventQuery(after: .offset(cursor), limit: EventFeed.pageSize, filter: filter))
    }

    // MARK: - Live

    /// Takes a delivery of the feed. Only the feed's pump calls it, one delivery after the other.
    func push(_ delivery: EventDelivery) {
        guard let last = delivery.events.last, let (cursor, sink) = state.withLock({ state in state.sink.map { (state.cursor, $0) } }),
            last.seq > cursor.seq
        else { return }
        let wanted = delivery.events.filter { $0.seq > cursor.seq && (filter.isEmpty || filter.matches($0)) }
        let accepted =
            wanted.isEmpty || sink.push(wanted.count == delivery.events.count ? delivery : EventDelivery(wanted))
        if accepted {
            state.withLock { $0.cursor = last.offset }
        } else {
            feed.leave(self)
            catchUp()
        }
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
    ) async throws(StoreError) -> Follower {
        let feed = try feeds.retain(key)
        do throws(StoreError) {
            let page = try await events(in: key, EventQuery(after: cursor, limit: EventFeed.pageSize, filter: filter))
            return Follower(feed: feed, hub: feeds, filter: filter, from: page.next ?? .start, firstPage: page)
        } catch {
            feeds.release(feed)
            throw error
        }
    }
}
