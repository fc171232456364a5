import Baton
import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Baton-Durability")
struct DurabilityTests {
    @Test("asks a file for what it promises already, and no more")
    func file() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        for (value, status) in [("full", 201), ("normal", 201), ("memory", 400), ("wait:1:500ms", 400), ("wait:1", 400), ("", 400)] {
            let reply = await test.call(.post, session + "/events", #"{"content":1}"#, headers: ["Baton-Durability": value])
            #expect(reply.status == status, "\(value): \(reply.text)")
            if status == 400 { #expect(reply.code == "invalid_parameter") }
        }
        #expect(await test.call(.get, session).json["eventCount"]?.intValue == 2)
    }

    @Test("waits for replicas; what they have not confirmed is told with all that a repetition needs")
    func replicas() async throws {
        try await RedisReplication.with { servers in
            let store = try await SessionStore.open("redis://127.0.0.1:\(servers.primary.port)")
            let test = TestAPI(on: store)
            let session = try await test.session()
            let confirmed = await test.call(.post, session + "/events", #"{"content":1}"#, headers: ["Baton-Durability": "wait:1:60s"])
            #expect(confirmed.status == 201)
            #expect(confirmed.json["confirmedReplicas"]?.intValue == 1)
            #expect(await test.call(.post, session + "/events", #"{"content":2}"#).json["confirmedReplicas"] == nil)

            try await servers.catchesUp()
            servers.replica.pause()
            let short: Headers = ["Baton-Durability": "wait:1:50ms"]
            let reply = await test.call(.post, session + "/events", #"{"content":3}"#, headers: short)
            #expect(reply.status == 503)
            #expect(reply.code == "unconfirmed")
            #expect(reply.json["confirmedReplicas"]?.intValue == 0)
            #expect(reply.json["receipt"]?["events"]?.elements?.first?["seq"]?.intValue == 3)
            // Nothing invites a client to send the very same request again, which would store it twice.
            #expect(reply.headers["Retry-After"] == nil)
            let key = try #require(reply.json["idempotencyKey"]?.stringValue)

            var named = await test.call(.post, session + "/events", #"{"id":"a","content":4}"#, headers: short)
            #expect(named.code == "unconfirmed")
            #expect(named.headers["Retry-After"] == "1")
            #expect(named.json["idempotencyKey"] == nil)
            #expect(await test.call(.patch, session, #"{"title":"t"}"#, headers: short).code == "unconfirmed")

            servers.replica.resume()
            let again = await test.call(
                .post, session + "/events", #"{"content":3}"#, headers: ["Baton-Durability": "wait:1:60s", "Idempotency-Key": key])
            #expect(again.status == 200)
            #expect(again.json["confirmedReplicas"]?.intValue == 1)
            named = await test.call(.post, session + "/events", #"{"id":"a","content":4}"#, headers: ["Baton-Durability": "wait:1:60s"])
            #expect(named.status == 200)
            #expect(await test.call(.get, session + "/events").contents == ["1", "2", "3", "4"])
            await store.close()
        }
    }

    @Test("goes through a daemon's client, errors included")
    func remote() async throws {
        try await RedisReplication.with { servers in
            let live = try await LiveDaemon(store: StoreAddress("redis://127.0.0.1:\(servers.primary.port)"))
            let store = try await SessionStore.open(
                "http://\(live.daemon.addresses[0])", configuration: StoreConfiguration(durability: .wait(replicas: 1, within: .milliseconds(50))))
            let patient = try store.with(durability: .wait(replicas: 1, within: .seconds(20)))
            let session = try patient.session("s", user: "u", app: "a")
            #expect(try await session.append(.message("1", role: "user"), creating: true).confirmedReplicas == 1)
            try await servers.catchesUp()
            servers.replica.pause()
            let error = await #expect(throws: StoreError.self) {
                try await store.session(session.key).append(.message("2", role: "user"))
            }
            guard case .unconfirmed(0, let receipt?, let key?)? = error?.detail else {
                Issue.record("\(String(describing: error))")
                servers.replica.resume()
                return
            }
            #expect(receipt.tail.seq == 2)
            servers.replica.resume()
            let again = try await session.append(.message("2", role: "user"), idempotencyKey: key)
            #expect(again.isDuplicate)
            #expect(again.confirmedReplicas == 1)
            await store.close()
            await live.stop()
        }
    }
}
