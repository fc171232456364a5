import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Hooks of a program that embeds the daemon")
struct HooksTests {
    @Test("run around appends and reads over HTTP; what they refuse is 422")
    func overHTTP() async throws {
        var hooks = Hooks()
        hooks.onAppend { call, next in
            guard !call.batch.events.contains(where: { $0.type == "secret" }) else { throw StoreError(.refused, "secrets are not kept here") }
            var call = call
            try call.batch.changeEvents { $0.metadata = try JSON(parsing: #"{"checked":true}"#) }
            return try await next(call)
        }
        hooks.onGet { call, next in
            var session = try await next(call)
            session.record.title = "shown by a hook"
            return session
        }
        let live = try await LiveDaemon(hooks: hooks)
        try await live.append(1...2)
        let refused = try await live.send(.post, live.session + "/events", #"{"content":3,"type":"secret"}"#)
        let durable = try await live.client.send(
            Request(
                .post, live.session + "/events", headers: ["Content-Type": "application/json", "Baton-Durability": "normal"],
                body: Array(#"{"content":4,"type":"secret"}"#.utf8)))
        let session = try JSON(try await live.send(.get, live.session + "?events=10").body)
        await live.stop()
        #expect(refused.status == 422 && refused.text.contains("secrets are not kept here"))
        #expect(durable.status == 422)
        #expect(session["title"]?.stringValue == "shown by a hook")
        #expect(session["events"]?.elements?.map { $0["metadata"]?["checked"]?.description } == ["true", "true"])
    }
}
