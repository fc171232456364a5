import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Streams of topics", .timeLimit(.minutes(2)))
struct TopicStreamTests {
    private static let events = "/v1/topics/t/events"

    private func publish(_ live: LiveDaemon, _ numbers: ClosedRange<Int>, type: String = "x") async throws {
        let events = numbers.map { #"{"type":"\#(type)","data":\#($0)}"# }.joined(separator: ",")
        #expect(try await live.send(.post, Self.events, "[\(events)]").status == 201)
    }

    private func isFollowed(_ live: LiveDaemon) async -> Bool {
        await eventually { (try? await live.send(.get, "/metrics").text.contains("baton_store_topic_followers 1\n")) == true }
    }

    @Test("what is there comes first, then what is published, each once, in order")
    func catchUpThenLive() async throws {
        let live = try await LiveDaemon()
        try await publish(live, 1...300)
        async let followed = live.follow(Self.events, until: 600)
        for start in stride(from: 301, to: 600, by: 10) { try await publish(live, start...(start + 9)) }
        let events = try await followed
        #expect(events.map(\.seq) == Array(1...600))
        #expect(events.map { $0.json["data"]?.intValue } == (1...600).map { $0 })
        #expect(events.allSatisfy { $0.name == "event" && $0.id == $0.json["offset"]?.stringValue && $0.json["topic"]?.stringValue == "t" })
        await live.stop()
    }

    @Test("a reader that comes back with its last id misses nothing and sees nothing twice; the id wins over the address")
    func resume() async throws {
        let live = try await LiveDaemon()
        try await publish(live, 1...20)
        let first = try await live.follow(Self.events, until: 7)
        let rest = try await live.follow(Self.events, until: 13, after: first.last?.id, query: "after=now")
        #expect((first + rest).map(\.seq) == Array(1...20))
        #expect(try await live.follow(Self.events, until: 20, query: "after=0").map(\.seq) == Array(1...20))
        #expect(try await live.follow(Self.events, until: 20, query: "since=1990-01-01T00:00:00Z").map(\.seq) == Array(1...20))
        await live.stop()
    }

    @Test("after=now shows only what comes")
    func now() async throws {
        let live = try await LiveDaemon()
        try await publish(live, 1...5)
        async let followed = live.follow(Self.events, until: 2, query: "after=now")
        try #require(await isFollowed(live))
        try await publish(live, 6...7)
        #expect(try await followed.map(\.seq) == [6, 7])
        await live.stop()
    }

    @Test("filters leave out, and the stream still moves on")
    func filtered() async throws {
        let live = try await LiveDaemon()
        async let followed = live.follow(Self.events, until: 4, query: "types=y")
        for number in 1...12 { try await publish(live, number...number, type: number.isMultiple(of: 3) ? "y" : "x") }
        #expect(try await followed.map(\.seq) == [3, 6, 9, 12])
        await live.stop()
    }

    @Test("a stream whose filter leaves out everything still says where it stands, so that its reader need not begin anew")
    func place() async throws {
        let live = try await LiveDaemon()
        _ = try await live.send(.put, "/v1/topics/t", #"{"retention":{"maxEvents":3,"policy":"strict"}}"#)
        try await publish(live, 1...3)
        let reply = try await live.client.stream(
            Request(.get, Self.events, query: "after=now&types=y", headers: ["Accept": "text/event-stream"]))
        var parser = EventStreamParser()
        var shown = 0
        var last = 3
        for try await bytes in reply.body {
            try parser.parse(bytes.span) { _ in shown += 1 }
            guard let place = Offset(parser.lastEventID)?.seq else { continue }
            if place >= 9 { break }
            // Whatever it has said, more is published and trimmed behind it, until it has moved over all of that.
            if place == last {
                try await publish(live, (last + 1)...(last + 3))
                last += 3
            }
        }
        #expect(shown == 0)
        let first = try await live.send(.get, "/v1/topics/t")
        #expect(try JSON(first.body)["earliest"]?.stringValue.flatMap { Offset($0) }?.seq ?? 0 >= 6)
        async let rest = live.follow(Self.events, until: 1, after: parser.lastEventID, query: "types=y")
        try #require(await isFollowed(live))
        try await publish(live, 100...100, type: "y")
        #expect(try await rest.map(\.name) == ["event"])
        await live.stop()
    }

    @Test("a cursor that was trimmed away, or is of an earlier topic of the name, is answered with a resync that says where to go on")
    func resync() async throws {
        let live = try await LiveDaemon()
        _ = try await live.send(.put, "/v1/topics/t", #"{"retention":{"maxEvents":5,"policy":"strict"}}"#)
        try await publish(live, 1...3)
        let old = try await live.follow(Self.events, until: 1)
        for number in 4...20 { try await publish(live, number...number) }
        let told = try await live.follow(Self.events, until: 1, after: old[0].id)
        #expect(told[0].name == "resync")
        #expect(told[0].json["code"]?.stringValue == "offset_gone")
        #expect(try await live.follow(Self.events, until: 5, after: told[0].id).map(\.seq) == Array(16...20))
        let last = try await live.follow(Self.events, until: 1, after: told[0].id)
        _ = try await live.send(.delete, "/v1/topics/t")
        try await publish(live, 1...20)
        #expect(try await live.follow(Self.events, until: 1, after: last[0].id)[0].name == "resync")
        await live.stop()
    }

    @Test("who follows a topic that is deleted is told to read anew")
    func deleted() async throws {
        let live = try await LiveDaemon()
        try await publish(live, 1...2)
        async let followed = live.follow(Self.events, until: 3)
        try #require(await isFollowed(live))
        _ = try await live.send(.delete, "/v1/topics/t")
        try await publish(live, 1...1)
        let events = try await followed
        #expect(events.prefix(2).map(\.seq) == [1, 2])
        #expect(events.last?.name == "resync")
        await live.stop()
    }

    @Test("wherever a stream is cut, also in the middle of an event, the reader resumes without gap or duplicate")
    func cuts() async throws {
        let live = try await LiveDaemon()
        let payload = JSON(string: String(repeating: "\u{E9}\n", count: 40))
        let events = (1...40).map { #"{"type":"x","key":"\#($0)","data":\#(payload)}"# }.joined(separator: ",")
        _ = try await live.send(.post, Self.events, "[\(events)]")
        var random = SplitMix64(seed: 7)
        var id = ""
        var keys: [String] = []
        var cuts = 0
        while keys.count < 40 {
            // Some bytes of the stream, then the connection is gone; a browser keeps what was complete.
            let reply = try await live.client.stream(
                Request(.get, Self.events, headers: ["Accept": "text/event-stream", "Last-Event-ID": id]))
            var left = Int.random(in: 1...3000, using: &random)
            var parser = EventStreamParser(lastEventID: id)
            for try await bytes in reply.body {
                try parser.parse(Array(bytes.prefix(left)).span) { keys.append($0.json["key"]?.stringValue ?? "?") }
                left -= min(left, bytes.count)
                if left == 0 || keys.count == 40 { break }
            }
            id = parser.lastEventID
            cuts += 1
        }
        #expect(keys == (1...40).map(String.init))
        #expect(cuts > 5)
        await live.stop()
    }

    @Test("signals reach whoever listens now, and nobody later")
    func signals() async throws {
        let live = try await LiveDaemon()
        #expect(try await live.send(.post, "/v1/signals/room", #"{"lost":true}"#).status == 204)
        let opened = Guarded(false)
        var options = EventSource.Options()
        options.opened = { opened.withLock { $0 = true } }
        let source = live.client.events("/v1/signals/room", options: options)
        let heard = Task {
            var heard: [ServerSentEvent] = []
            for try await event in source {
                heard.append(event)
                if heard.count == 3 { break }
            }
            return heard
        }
        try #require(await eventually { opened.withLock { $0 } })
        for body in ["1", "{\n\"a\": [1,\r\n2]\n}", #""x""#] { #expect(try await live.send(.post, "/v1/signals/room", body).status == 204) }
        _ = try await live.send(.post, "/v1/signals/other", "9")
        let events = try await heard.value
        #expect(events.allSatisfy { $0.name == "signal" && $0.id.isEmpty })
        #expect(events.map(\.json) == [try JSON(parsing: "1"), try JSON(parsing: "{\n\"a\": [1,\n2]\n}"), JSON(string: "x")])
        #expect(try await live.send(.post, "/v1/signals/room", "{").status == 400)
        #expect(try await live.send(.post, "/v1/signals/room", "\"" + String(repeating: "x", count: 70_000) + "\"").status == 413)
        await live.stop()
    }
}
