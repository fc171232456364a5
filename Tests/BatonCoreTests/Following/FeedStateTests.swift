import BatonTesting
import Testing

@testable import BatonCore

/// The feed's decisions, driven by hand: no storage, no tasks.
@Suite("A feed")
struct FeedStateTests {
    private let generation = "g"

    private func follower(at seq: Int) throws -> Follower<SessionLog> {
        let model = NothingStorage()
        let hub = FeedHub<SessionLog>(storage: model, executor: nil)
        let key = try SessionKey(app: "a", user: "u", id: "s")
        let page = FollowedPage<SessionLog>(events: [], next: offset(seq), upToDate: true, generation: generation, tail: offset(seq))
        return Follower(feed: try hub.retain(key), hub: hub, filter: EventFilter(), from: offset(seq), firstPage: page)
    }

    private func offset(_ seq: Int) -> Offset { Offset(milliseconds: 1000 + seq, seq: seq) }

    private func begin(_ feed: inout FeedState<SessionLog>) throws -> Offset {
        let start = feed.beginTurn()
        return try #require(start)
    }

    private func expect(_ feed: inout FeedState<SessionLog>, hintedDoes action: FeedState<SessionLog>.Action, _ comment: Comment? = nil) {
        let done = feed.hint()
        #expect(done == action, comment)
    }

    private func page(_ seqs: ClosedRange<Int>?, upToDate: Bool = true, position: Int = 0) -> FollowedPage<SessionLog> {
        let events = (seqs.map(Array.init) ?? []).map {
            Event(id: "e\($0)", seq: $0, time: Timestamp(milliseconds: 1000 + $0), body: JSON(checked: Array(#"{"content":1}"#.utf8)))
        }
        let last = events.last?.offset ?? offset(position)
        return FollowedPage(events: events, next: last, upToDate: upToDate, generation: generation, tail: last)
    }

    @Test("does nothing for hints while nobody follows, but remembers them for the first who joins")
    func hintBeforeJoin() throws {
        var feed = FeedState<SessionLog>()
        expect(&feed, hintedDoes: .none)
        // follower reads up to 3 │ hint: 4 is there │ follower joins at 3
        let action = try feed.join(follower(at: 3), at: offset(3), generation: generation)
        #expect(action == .pump)
    }

    @Test("a follower that joins a quiet feed wakes nobody")
    func quietJoin() throws {
        var feed = FeedState<SessionLog>()
        let action = try feed.join(follower(at: 3), at: offset(3), generation: generation)
        #expect(action == FeedState<SessionLog>.Action.none)
        expect(&feed, hintedDoes: .pump)
        expect(&feed, hintedDoes: .none, "one pump is enough")
    }

    @Test("a hint during a read makes the pump read again")
    func hintDuringRead() throws {
        var feed = FeedState<SessionLog>()
        _ = try feed.join(follower(at: 0), at: offset(0), generation: generation)
        expect(&feed, hintedDoes: .pump)
        let start = try begin(&feed)
        expect(&feed, hintedDoes: .none)
        _ = feed.take(page(nil), from: start)
        let again = feed.endTurn()
        #expect(again)
        _ = feed.beginTurn()
        _ = feed.take(page(nil), from: start)
        let oncemore = feed.endTurn()
        #expect(!oncemore)
        #expect(!feed.isPumping)
    }

    @Test("a hint while deliveries are made starts no second pump, which could overtake them")
    func hintDuringDeliveries() throws {
        var feed = FeedState<SessionLog>()
        _ = try feed.join(follower(at: 0), at: offset(0), generation: generation)
        _ = feed.hint()
        let start = try begin(&feed)
        _ = feed.take(page(1...3), from: start)
        // pump hands out 1…3 │ hint: 4 is there
        expect(&feed, hintedDoes: .none)
        let goesOn = feed.endTurn()
        #expect(goesOn)
    }

    @Test("what was read for followers that have left is not handed to one that joined behind it")
    func joinDuringRead() throws {
        var feed = FeedState<SessionLog>()
        let first = try follower(at: 5)
        _ = feed.join(first, at: offset(5), generation: generation)
        _ = feed.hint()
        let start = try begin(&feed)
        // pump reads after 5 │ the first leaves, a second has read up to 2 and joins
        feed.leave(first)
        _ = try feed.join(follower(at: 2), at: offset(2), generation: generation)
        let turn = feed.take(page(6...7), from: start)
        #expect(turn.deliveries.isEmpty)
        let goesOn = feed.endTurn()
        #expect(goesOn)
        #expect(feed.position == offset(2))
    }

    @Test("everybody gets the same delivery, and the position moves past it")
    func deliver() throws {
        var feed = FeedState<SessionLog>()
        let both = [try follower(at: 0), try follower(at: 0)]
        for one in both { _ = feed.join(one, at: offset(0), generation: generation) }
        _ = feed.hint()
        let start = try begin(&feed)
        let turn = feed.take(page(1...3), from: start)
        #expect(turn.deliveries.count == 2)
        #expect(turn.deliveries[0].delivery === turn.deliveries[1].delivery)
        #expect(feed.position == offset(3))
    }

    @Test("who joins behind the position is served what it missed by the pump, before anything newer")
    func latecomer() throws {
        var feed = FeedState<SessionLog>()
        _ = try feed.join(follower(at: 0), at: offset(0), generation: generation)
        _ = feed.hint()
        var start = try begin(&feed)
        _ = feed.take(page(1...5), from: start)
        _ = feed.endTurn()
        let late = try follower(at: 2)
        let action = feed.join(late, at: offset(2), generation: generation)
        #expect(action == .pump)
        start = try begin(&feed)
        let turn = feed.take(page(6...6), from: start)
        let mine = turn.deliveries.filter { $0.follower === late }.map { $0.delivery.events.map(\.seq) }
        #expect(mine == [[3, 4, 5], [6]])
        #expect(turn.behind.isEmpty)
    }

    @Test("who joins further behind than the feed remembers is sent back to catch up")
    func tooFarBehind() throws {
        var feed = FeedState<SessionLog>()
        _ = try feed.join(follower(at: 0), at: offset(0), generation: generation)
        _ = feed.hint()
        var start = try begin(&feed)
        _ = feed.take(page(1...(FeedState<SessionLog>.recentLimit + 100)), from: start)
        _ = feed.endTurn()
        let late = try follower(at: 5)
        _ = feed.join(late, at: offset(5), generation: generation)
        start = try begin(&feed)
        let turn = feed.take(page(nil, position: FeedState<SessionLog>.recentLimit + 100), from: start)
        #expect(turn.behind.count == 1 && turn.behind[0] === late)
        #expect(turn.deliveries.isEmpty)
        #expect(feed.followers.count == 1)
    }

    @Test("a follower of another generation cannot join")
    func generations() throws {
        var feed = FeedState<SessionLog>()
        _ = try feed.join(follower(at: 0), at: offset(0), generation: generation)
        let action = try feed.join(follower(at: 0), at: offset(0), generation: "other")
        #expect(action == nil)
    }

    @Test("the pump stops when the last follower has left")
    func leave() throws {
        var feed = FeedState<SessionLog>()
        let one = try follower(at: 0)
        _ = feed.join(one, at: offset(0), generation: generation)
        _ = feed.hint()
        feed.leave(one)
        let next = feed.beginTurn()
        #expect(next == nil)
        #expect(!feed.isPumping)
    }
}

/// A storage that is never asked.
private struct NothingStorage: Storage, WithoutTopics {
    func create(_ draft: SessionDraft, at key: SessionKey) throws(StoreError) -> (session: SessionSnapshot, created: Bool) { throw .noSession }
    func session(_ key: SessionKey, _ query: SnapshotQuery) throws(StoreError) -> SessionSnapshot { throw .noSession }
    func update(_ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?) throws(StoreError) -> SessionSnapshot {
        throw .noSession
    }
    func touch(_ key: SessionKey) throws(StoreError) -> SessionSnapshot { throw .noSession }
    func delete(_ key: SessionKey, epoch: Int?) throws(StoreError) -> Bool { throw .noSession }
    func sessions(_ query: SessionQuery) throws(StoreError) -> SessionPage { throw .noSession }
    func append(_ batch: EventBatch, to key: SessionKey) throws(StoreError) -> AppendReceipt { throw .noSession }
    func events(in key: SessionKey, _ query: EventQuery) throws(StoreError) -> EventPage { throw .noSession }
    func event(_ id: String, in key: SessionKey) throws(StoreError) -> Event { throw .noSession }
    func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) throws(StoreError) -> EventWindow {
        throw .noSession
    }
    func blobs(_ digests: [BlobDigest], in key: SessionKey) throws(StoreError) -> [BlobDigest: [UInt8]] { throw .noSession }
    func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) throws(StoreError) -> Event { throw .noSession }
    func remove(_ id: String?, in key: SessionKey, epoch: Int?) throws(StoreError) -> Event? { throw .noSession }
    func clear(_ key: SessionKey, epoch: Int?) throws(StoreError) { throw .noSession }
    func state(_ scope: StateScope) throws(StoreError) -> [String: JSON] { throw .noSession }
    func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) throws(StoreError) -> [String: JSON] { throw .noSession }
    func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) throws(StoreError) -> SessionState { throw .noSession }
    func acquireLease(_ request: LeaseRequest, on key: SessionKey) throws(StoreError) -> Lease { throw .noSession }
    func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) throws(StoreError) -> Lease { throw .noSession }
    func releaseLease(_ epoch: Int, on key: SessionKey) throws(StoreError) { throw .noSession }
    func leaveLine(_ ticket: String, on key: SessionKey) throws(StoreError) { throw .noSession }
    func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) throws(StoreError) -> SessionSnapshot { throw .noSession }
    func rewind(_ key: SessionKey, _ draft: RewindDraft) throws(StoreError) -> AppendReceipt { throw .noSession }
    func summaries(of key: SessionKey) throws(StoreError) -> SummaryList { throw .noSession }
    func claim(_ claim: SummaryClaim, of key: SessionKey) throws(StoreError) -> Int { throw .noSession }
    func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) throws(StoreError) -> Summary { throw .noSession }
    func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) throws(StoreError) { throw .noSession }
    func lineage(of key: SessionKey) throws(StoreError) -> Lineage { throw .noSession }
    func compare(_ key: SessionKey, with other: SessionKey) throws(StoreError) -> BranchComparison { throw .noSession }
    func reserve(_ reservation: ToolReservation, in key: SessionKey, epoch: Int?) throws(StoreError) -> (call: ToolCall, granted: Bool) {
        throw .noSession
    }
    func finish(_ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?) throws(StoreError) -> ToolCall {
        throw .noSession
    }
    func toolCall(_ toolKey: String, in key: SessionKey) throws(StoreError) -> ToolCall { throw .noSession }
    func toolCalls(in key: SessionKey, _ query: ToolCallQuery) throws(StoreError) -> ToolCallPage { throw .noSession }
    func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) throws(StoreError) -> (approval: Approval, asked: Bool) { throw .noSession }
    func decide(_ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft) throws(StoreError) -> Approval {
        throw .noSession
    }
    func approval(_ approvalKey: String, in key: SessionKey) throws(StoreError) -> Approval { throw .noSession }
    func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) throws(StoreError) -> AppendReceipt { throw .noSession }
    func tracks(of key: SessionKey, last events: Int) throws(StoreError) -> TrackList { throw .noSession }
    func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery) throws(StoreError) -> EventPage { throw .noSession }
    func deleteTrack(_ track: String, of key: SessionKey, epoch: Int?) throws(StoreError) -> Bool { throw .noSession }
    func approvals(in key: SessionKey, status: Approval.Status?, after: String?, limit: Int) throws(StoreError) -> [Approval] {
        throw .noSession
    }
    func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation { StorageObservation {} }
    func checkHealth() throws(StoreError) {}
    var gauges: [StorageGauge] { [] }
    func close() {}
}
