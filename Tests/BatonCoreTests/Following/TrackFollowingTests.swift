import BatonCore
import BatonTesting
import Testing

@Suite("Following a track", .timeLimit(.minutes(2)))
struct TrackFollowingTests {
    private let clock = ManualClock()
    private let store: SessionStore
    private let session: Session

    init() async throws {
        store = SessionStore(on: ReferenceModel(clock: clock.now))
        session = try store.session("s", user: "u", app: "a")
        _ = try await store.create(session.key)
    }

    @Test func whatIsThereComesFirstThenWhatComesOnceAndInOrder() async throws {
        let track = try session.track("thoughts")
        for number in 1...3 { try await track.append(JSON(string: "\(number)")) }
        let seqs = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var seqs: [Int] = []
                    for try await event in track.follow(after: .seq(1)) {
                        seqs.append(event.seq)
                        if event.seq == 40 { break }
                    }
                    return seqs
                }
            }
            for number in 4...40 {
                try await track.append(JSON(string: "\(number)"))
                try await session.track("other").append(.null)
                try await session.append(.message("x", role: "user"))
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(seqs == Array(repeating: Array(2...40), count: 3))
        await store.close()
    }

    @Test func aTrackMayBeMadeWhileItIsFollowed() async throws {
        let track = try session.track("later")
        let first = Task { try await track.follow().first { _ in true } }
        #expect(await eventually { store.gauges.first { $0.name == "track_followers" }?.value == 1 })
        try await track.append(JSON(string: "now"))
        #expect(try await first.value?.content == JSON(string: "now"))
        await store.close()
    }

    @Test func aTrackThatIsMadeAgainIsNotTakenForTheEarlierOne() async throws {
        let track = try session.track("t")
        try await track.append([NewEvent(.null), NewEvent(.null)])
        var events = track.follow().makeAsyncIterator()
        for seq in 1...2 { #expect(try await events.next()?.seq == seq) }
        try await track.delete()
        clock.advance(seconds: 1)
        try await track.append([NewEvent(.null), NewEvent(.null), NewEvent(.null)])
        let error = await #expect(throws: StoreError.self) { _ = try await events.next() }
        #expect(error?.code == .offsetGone)
        await store.close()
    }

    @Test func theEndOfTheSessionEndsIt() async throws {
        var events = try session.track("t").follow().makeAsyncIterator()
        try await session.track("t").append(.null)
        #expect(try await events.next()?.seq == 1)
        try await session.delete()
        #expect(try await events.next() == nil)
        await store.close()
    }

    @Test func aTrackChangesNoState() async throws {
        let error = await #expect(throws: StoreError.self) {
            try await session.track("t").append([NewEvent(.null, stateDelta: ["k": .null])])
        }
        #expect(error?.code == .invalidField)
        #expect(throws: StoreError.self) { _ = try session.track("") }
        await store.close()
    }

    @Test func aSessionComesWithItsTracksWhenAsked() async throws {
        try await session.track("a").append([NewEvent(JSON(string: "1")), NewEvent(JSON(string: "2"))])
        #expect(try await store.get(session.key).tracks == nil)
        let tracks = try #require(try await store.get(session.key, SnapshotQuery(events: 1), tracks: 1).tracks)
        #expect(tracks.map(\.name) == ["a"] && tracks[0].events.map(\.seq) == [2])
        #expect(try await session.tracks().map(\.events) == [[]])
        await store.close()
    }
}
