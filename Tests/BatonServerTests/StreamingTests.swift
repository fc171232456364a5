import Baton
import BatonCore
import BatonHTTP
import BatonIO
import BatonTelemetry
import Testing

@testable import BatonServer

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("Streams over HTTP", .timeLimit(.minutes(1)))
struct StreamingTests {
    @Test("what is there comes first, then what is appended, each once, in order")
    func catchUpThenLive() async throws {
        let live = try await LiveDaemon()
        try await live.append(1...300)
        async let followed = live.follow(until: 600)
        for start in stride(from: 301, to: 600, by: 10) { try await live.append(start...(start + 9)) }
        let events = try await followed
        #expect(events.map(\.seq) == Array(1...600))
        #expect(events.allSatisfy { $0.name == "event" && $0.id == $0.json["offset"]?.stringValue })
        await live.stop()
    }

    @Test("a reader that comes back with its last id misses nothing and sees nothing twice")
    func resume() async throws {
        let live = try await LiveDaemon()
        try await live.append(1...20)
        let first = try await live.follow(until: 7)
        let rest = try await live.follow(until: 13, after: first.last?.id)
        #expect((first + rest).map(\.seq) == Array(1...20))
        #expect(try await live.follow(until: 5, query: "after=15").map(\.seq) == Array(16...20))
        await live.stop()
    }

    @Test("filters leave out, and the stream still moves on")
    func filtered() async throws {
        let live = try await LiveDaemon()
        _ = try await live.send(.put, live.session, "{}")
        async let followed = live.follow(until: 4, query: "roles=user")
        for number in 1...12 {
            let role = number.isMultiple(of: 3) ? "user" : "tool"
            _ = try await live.send(.post, live.session + "/events", #"{"role":"\#(role)","content":\#(number)}"#)
        }
        #expect(try await followed.map(\.seq) == [3, 6, 9, 12])
        await live.stop()
    }

    @Test("a deleted session ends its streams and says so")
    func deleted() async throws {
        let live = try await LiveDaemon()
        try await live.append(1...2)
        async let followed = live.follow(until: 3)
        while try await !live.send(.get, "/metrics").text.contains("baton_store_followers 1\n") { await Task.yield() }
        _ = try await live.send(.delete, live.session)
        #expect(try await followed.map(\.name) == ["event", "event", "end"])
        await live.stop()
    }

    @Test("a cursor that was trimmed away, or is of another generation, is answered with a resync that says where to go on")
    func resync() async throws {
        let live = try await LiveDaemon(policy: StorePolicy(maximumEvents: 5))
        try await live.append(1...3)
        let old = try await live.follow(until: 1)
        try await live.append(4...20)
        let told = try await live.follow(until: 1, after: old[0].id)
        #expect(told[0].name == "resync")
        #expect(told[0].json["code"]?.stringValue == "offset_gone")
        #expect(Offset(told[0].id)?.seq == 15)
        #expect(try await live.follow(until: 5, after: told[0].id).map(\.seq) == Array(16...20))
        let last = try await live.follow(until: 1, after: told[0].id)
        _ = try await live.send(.delete, live.session)
        try await live.append(1...20)
        #expect(try await live.follow(until: 1, after: last[0].id)[0].name == "resync")
        await live.stop()
    }

    @Test("an absent session is 404, not an empty stream")
    func absent() async throws {
        let live = try await LiveDaemon()
        var request = Request(.get, live.session + "/events")
        request.headers.add("Accept", "text/event-stream")
        #expect(try await live.client.send(request).status == 404)
        await live.stop()
    }

    @Test("many followers of one session see the same, and the store is read once for all")
    func manyFollowers() async throws {
        let live = try await LiveDaemon()
        _ = try await live.send(.put, live.session, "{}")
        let seqs = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<50 { group.addTask { try await live.follow(until: 100).map(\.seq) } }
            for start in stride(from: 1, to: 100, by: 4) { try await live.append(start...(start + 3)) }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(seqs.count == 50)
        #expect(seqs.allSatisfy { $0 == Array(1...100) })
        await live.stop()
    }

    @Test("the daemon's numbers name routes, operations and streams")
    func metrics() async throws {
        let live = try await LiveDaemon()
        try await live.append(1...2)
        let text = try await live.send(.get, "/metrics").text
        for line in [
            #"baton_http_requests_total{route="/v1/apps/{app}/users/{user}/sessions/{session}/events",method="POST",status="201"} 1"#,
            #"baton_store_operation_duration_seconds_count{operation="append_events"} 1"#, "baton_store_followers 0", "baton_loop_stalls_total",
        ] {
            #expect(text.contains(line), "\(line)")
        }
        await live.stop()
    }

    @Test("stopping ends streams in order, and what was acknowledged is there after a restart")
    func restart() async throws {
        let directory = "/tmp/baton-restart-\(Randomness.generation())"
        let path = directory + ".db"
        defer { for suffix in ["", "-wal", "-shm"] { _ = unlink(path + suffix) } }
        let first = try await LiveDaemon(store: .sqlite(path: path))
        try await first.append(1...10)
        await first.stop()
        let second = try await LiveDaemon(store: .sqlite(path: path))
        #expect(try await second.follow(until: 10).map(\.seq) == Array(1...10))
        await second.stop()
    }

    @Test("an address that others can reach needs a token")
    func exposed() async throws {
        let configuration = DaemonConfiguration(addresses: [try SocketAddress("0.0.0.0:0")], store: .memory)
        await #expect { _ = try await Daemon(configuration, logger: .disabled) } throws: { ($0 as? StoreError)?.code == .forbidden }
    }
}
