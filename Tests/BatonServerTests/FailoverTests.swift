import Baton
import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Streams over a failover that loses acknowledged writes", .timeLimit(.minutes(2)))
struct FailoverTests {
    @Test("a stream that has shown what is lost ends with resync, and so does one that resumes there")
    func resync() async throws {
        try await RedisReplication.with { servers in
            let live = try await LiveDaemon(store: StoreAddress(servers.address))
            try await live.append(1...3)
            try await servers.cutOff()
            try await live.append(4...6)
            // What is there, and then whatever comes: nothing is appended until the stream has ended.
            async let stream = live.follow(until: 7)
            try await eventually("the stream is live") { try await live.send(.get, "/metrics").body.text.contains("baton_store_followers 1") }
            try await servers.failOver()
            let events = try await stream
            #expect(events.map(\.name) == Array(repeating: "event", count: 6) + ["resync"])
            #expect(events.last?.json["code"]?.stringValue == "offset_gone")
            #expect(events.last?.json["tail"]?.stringValue.flatMap { Offset($0) }?.seq == 3)
            let lost = events[5].id

            try await live.append(14...18)
            #expect(try await live.follow(until: 1, after: lost).map(\.name) == ["resync"])
            let page = try await live.send(.get, live.session + "/events?after=\(lost)")
            #expect(page.status == 410)
            let again = try await live.follow(until: 8)
            #expect(again.map(\.seq) == [1, 2, 3, 4, 5, 6, 7, 8])
            await live.stop()
        }
    }
}

extension [UInt8] {
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
