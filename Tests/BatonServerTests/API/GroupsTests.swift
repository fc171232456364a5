import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Groups of consumers over HTTP")
struct GroupsTests {
    private static let group = "/v1/topics/t/groups/g"

    /// A topic with the events 1, 2, 3… and a group that begins at its start.
    private func group(_ count: Int, _ settings: String = #"{"from":"start"}"#) async throws -> TestAPI {
        let api = try await TestAPI()
        try #require(await api.call(.put, Self.group, settings).status == 201)
        let events = (1...count).map { #"{"type":"x","key":"k","data":\#($0)}"# }.joined(separator: ",")
        try #require(await api.call(.post, "/v1/topics/t/events", "[\(events)]").status == 201)
        return api
    }

    private func receive(_ api: TestAPI, _ max: Int, as consumer: String = "c") async -> [JSON] {
        await api.call(.post, Self.group + "/deliveries", #"{"consumer":"\#(consumer)","max":\#(max)}"#).json["deliveries"]?.elements ?? []
    }

    /// Settles deliveries, with more members of the request behind them; returns the outcomes.
    private func settle(_ api: TestAPI, _ how: String, _ deliveries: [JSON], as consumer: String = "c", _ more: String = "") async -> [String] {
        let references = deliveries.map { #"{"id":\#($0["id"]!),"token":\#($0["token"]!)}"# }.joined(separator: ",")
        let reply = await api.call(.post, "\(Self.group)/\(how)", #"{"consumer":"\#(consumer)","deliveries":[\#(references)]\#(more)}"#)
        return reply.json["deliveries"]?.elements?.compactMap { $0["outcome"]?.stringValue } ?? [reply.text]
    }

    private func data(_ deliveries: [JSON]) -> [Int] { deliveries.compactMap { $0["event"]?["data"]?.intValue } }

    @Test("a group is made, shown, changed, listed and deleted")
    func lifecycle() async throws {
        let api = try await group(3)
        let shown = await api.call(.get, Self.group)
        #expect(shown["lag"] == "3")
        #expect(
            shown.json.members?.map(\.name) == [
                "topic", "name", "maxDeliveries", "leaseSeconds", "backoff", "maxBackoff", "ordered", "position", "lag", "pending", "dead", "lost",
                "oldest", "consumers",
            ])
        #expect((shown["maxDeliveries"], shown["leaseSeconds"], shown["backoff"], shown["maxBackoff"]) == ("5", "30", "1", "300"))
        let changed = await api.call(.put, Self.group, #"{"from":"now","maxDeliveries":2,"leaseSeconds":0.25,"backoff":600}"#)
        #expect(changed.status == 200)
        #expect((changed["maxDeliveries"], changed["leaseSeconds"], changed["backoff"], changed["maxBackoff"]) == ("2", "0.250", "600", "600"))
        #expect(changed["lag"] == "3", "the place of a group that is there stays")
        _ = await receive(api, 2)
        let busy = await api.call(.get, Self.group)
        #expect((busy["lag"], busy["pending"], busy["dead"]) == ("1", "2", "0"))
        #expect(busy.json["consumers"]?.elements?.map { "\($0["name"]!) \($0["held"]!)" } == [#""c" 2"#])
        #expect(await api.call(.get, "/v1/topics/t/groups").json["groups"]?.elements?.count == 1)
        #expect(await api.call(.delete, Self.group).status == 204)
        #expect(await api.call(.get, Self.group).code == "not_found")
        #expect(await api.call(.post, Self.group + "/deliveries", #"{"consumer":"c"}"#).status == 404)
    }

    @Test("a group begins where it is told to, and can be moved")
    func position() async throws {
        let api = try await group(4)
        #expect(data(await receive(api, 3)) == [1, 2, 3])
        #expect(await api.call(.put, Self.group + "/position", #"{"to":"start"}"#)["pending"] == "0")
        let all = await receive(api, 9)
        #expect(data(all) == [1, 2, 3, 4])
        let offset = try #require(all[1]["event"]?["offset"]?.stringValue)
        #expect(await api.call(.put, Self.group + "/position", #"{"to":"\#(offset)"}"#)["lag"] == "2")
        #expect(data(await receive(api, 9)) == [3, 4])
        #expect(await api.call(.put, Self.group + "/position", #"{"to":"now"}"#)["lag"] == "0")
        #expect(await api.call(.put, Self.group + "/position", #"{"to":"1990-01-01T00:00:00Z"}"#)["lag"] == "4")
        #expect(await api.call(.put, Self.group + "/position", #"{"to":"nonsense"}"#).code == "invalid_cursor")
        #expect(await api.call(.put, Self.group + "/position", "{}").code == "invalid_field")
        let later = await api.call(.put, "/v1/topics/t/groups/later", #"{"from":"\#(offset)"}"#)
        #expect(later["lag"] == "2")
        #expect(await api.call(.put, "/v1/topics/t/groups/now")["lag"] == "0")
    }

    @Test("what is acknowledged is done; a token that is not the holder's is fenced, and the others go through")
    func fencing() async throws {
        let api = try await group(3, #"{"from":"start","backoff":0}"#)
        let first = await receive(api, 2, as: "slow")
        #expect(first.map { $0["attempt"]?.intValue } == [1, 1])
        #expect(await settle(api, "nack", [first[0]], as: "slow") == ["done"])
        let second = await receive(api, 1, as: "quick")
        #expect(data(second) == [1])
        #expect(second[0]["attempt"]?.intValue == 2)
        #expect(second[0]["id"] == first[0]["id"])
        #expect(second[0]["token"] != first[0]["token"])
        #expect(await settle(api, "ack", first, as: "slow") == ["fenced", "done"])
        #expect(await settle(api, "ack", second, as: "slow") == ["fenced"], "the right token from another consumer")
        for how in ["extend", "nack", "terminate", "release"] { #expect(await settle(api, how, [first[0]], as: "slow") == ["fenced"]) }
        #expect(await settle(api, "ack", second, as: "quick") == ["done"])
        #expect(await settle(api, "ack", second, as: "quick") == ["fenced"])
        #expect(await api.call(.get, Self.group)["pending"] == "0")
    }

    @Test("what is given back comes again at once, later, or after the back-off; a release uses up no attempt")
    func again() async throws {
        let api = try await group(2, #"{"from":"start","backoff":3600}"#)
        var held = await receive(api, 2)
        #expect(await settle(api, "release", held) == ["done", "done"])
        held = await receive(api, 2)
        #expect(held.map { $0["attempt"]?.intValue } == [1, 1])
        #expect(await settle(api, "nack", [held[0]], #","delay":0,"reason":"not yet""#) == ["done"])
        #expect(await settle(api, "nack", [held[1]], #","reason":"busy""#) == ["done"])
        #expect(data(await receive(api, 2)) == [1])
        let pending = await api.call(.get, Self.group + "/pending").json["pending"]?.elements ?? []
        #expect(pending.count == 2)
        #expect(pending[0]["consumer"]?.stringValue == "c")
        #expect(pending[1]["consumer"]?.isNull == true)
        #expect(pending.map { $0["history"]?.elements?.first?["reason"]?.stringValue } == ["not yet", "busy"])
        #expect(await api.call(.get, Self.group + "/pending?limit=1")["next"] == pending[0]["id"]?.description)
    }

    @Test("a lease can be extended, by the group's lease or another time")
    func extending() async throws {
        let api = try await group(1)
        let held = await receive(api, 1)
        func end() async throws -> Timestamp {
            let pending = await api.call(.get, Self.group + "/pending").json["pending"]?.elements?.first
            return try #require(pending?["dueAt"]?.stringValue.flatMap { Timestamp($0) })
        }
        let first = try await end()
        #expect(await settle(api, "extend", held, #","leaseSeconds":3600"#) == ["done"])
        #expect(try await end() > first.adding(seconds: 3000))
        #expect(await settle(api, "extend", held) == ["done"])
        #expect(try await end() < first.adding(seconds: 3000))
        #expect(await settle(api, "extend", held, #","leaseSeconds":0"#)[0].contains("invalid_field"))
    }

    @Test("each delivery can be settled in its own way in one request")
    func settlements() async throws {
        let api = try await group(5)
        let held = await receive(api, 5)
        let ways = [#""ack""#, #""nack","delay":0,"reason":"r""#, #""terminate""#, #""release""#, #""extend","leaseSeconds":60"#]
        let list = zip(held, ways).map { #"{"id":\#($0["id"]!),"token":\#($0["token"]!),"action":\#($1)}"# }.joined(separator: ",")
        let reply = await api.call(.post, Self.group + "/settlements", #"{"consumer":"c","deliveries":[\#(list)]}"#)
        #expect(reply.json["deliveries"]?.elements?.map { $0["outcome"]?.stringValue } == Array(repeating: "done", count: 5))
        let shown = await api.call(.get, Self.group)
        #expect((shown["pending"], shown["dead"]) == ("3", "1"))
        #expect(data(await receive(api, 5)).sorted() == [2, 4])
        for wrong in [
            #"{"deliveries":[]}"#, #"{"consumer":"c"}"#, #"{"consumer":"c","deliveries":[{"id":"1","token":"2"}]}"#,
            #"{"consumer":"c","deliveries":[{"id":"1","token":"2","action":"ack","delay":1}]}"#,
            #"{"consumer":"c","deliveries":[{"id":"1","token":"2","action":"eat"}]}"#, #"{"consumer":"c","deliveries":[],"delay":1}"#,
        ] {
            #expect(await api.call(.post, Self.group + "/settlements", wrong).status == 400, "\(wrong)")
        }
        #expect(await settle(api, "ack", [], #","delay":1"#)[0].contains("unknown_field"))
        #expect(await settle(api, "nack", [], #","delay":-1"#) == [])
    }

    @Test("what fails too often, or for good, is a dead letter with reason, history and event; it can be put back or thrown away")
    func deadLetters() async throws {
        let api = try await group(4, #"{"from":"start","backoff":0,"maxDeliveries":2}"#)
        for _ in 0..<2 { _ = await settle(api, "nack", await receive(api, 1), #","reason":"broken""#) }
        #expect(await settle(api, "terminate", await receive(api, 3), #","reason":"never""#) == ["done", "done", "done"])
        let dead = await api.call(.get, Self.group + "/dead").json["dead"]?.elements ?? []
        #expect(data(dead) == [1, 2, 3, 4])
        #expect(dead.map { $0["reason"]?.stringValue } == ["broken", "never", "never", "never"])
        #expect(dead[0]["history"]?.elements?.map { $0["attempt"]?.intValue } == [1, 2])
        #expect(dead[0]["event"]?["id"]?.stringValue != nil)
        #expect(await api.call(.get, Self.group + "/dead?limit=3").json["dead"]?.elements?.count == 3)

        func redrive(_ body: String?) async -> String { await api.call(.post, Self.group + "/dead/redrive", body).text }
        #expect(await redrive(#"{"ids":[\#(dead[1]["id"]!),"unknown"]}"#) == #"{"count":1}"#)
        let again = await receive(api, 9)
        #expect(data(again) == [2])
        #expect(again[0]["id"] == dead[1]["id"])
        #expect(again[0]["attempt"]?.intValue == 1)
        #expect(await redrive(#"{"limit":1}"#) == #"{"count":1}"#)
        #expect(await redrive(nil) == #"{"count":2}"#)
        #expect(data(await receive(api, 9)).sorted() == [1, 3, 4])
        #expect(await redrive(#"{"ids":[],"limit":1}"#).contains("invalid_field"))
    }

    @Test("dead letters are thrown away only when it is said which")
    func discarding() async throws {
        let api = try await group(4)
        _ = await settle(api, "terminate", await receive(api, 4))
        let dead = await api.call(.get, Self.group + "/dead").json["dead"]?.elements ?? []
        func discard(_ body: String?) async -> String { await api.call(.delete, Self.group + "/dead", body).text }
        #expect(await discard(nil).contains("invalid_field"))
        #expect(await discard("{}").contains("invalid_field"))
        #expect(await discard(#"{"ids":[\#(dead[3]["id"]!)]}"#) == #"{"count":1}"#)
        #expect(await discard(#"{"limit":1}"#) == #"{"count":1}"#)
        #expect(await discard(#"{"all":true}"#) == #"{"count":2}"#)
        #expect(await api.call(.get, Self.group)["dead"] == "0")
    }

    @Test("an ordered group hands out one event of a key at a time")
    func ordered() async throws {
        let api = try await group(3, #"{"from":"start","ordered":true,"backoff":0}"#)
        let first = await receive(api, 9)
        #expect(data(first) == [1])
        #expect(data(await receive(api, 9, as: "other")) == [])
        _ = await settle(api, "nack", first)
        let again = await receive(api, 9, as: "other")
        #expect(data(again) == [1])
        _ = await settle(api, "ack", again, as: "other")
        #expect(data(await receive(api, 9)) == [2])
    }

    @Test(
        "what is wrong in a request for deliveries is refused",
        arguments: [
            "{}", #"{"consumer":""}"#, #"{"consumer":"c","max":0}"#, #"{"consumer":"c","max":1001}"#, #"{"consumer":"c","wait":31}"#,
            #"{"consumer":"c","wait":-1}"#, #"{"consumer":"c","batch":1}"#, #"{"consumer":"c","wait":"1"}"#,
        ])
    func wrong(_ body: String) async throws {
        let api = try await group(1)
        #expect(await api.call(.post, Self.group + "/deliveries", body).status == 400)
        #expect(await api.call(.get, Self.group)["pending"] == "0")
    }
}
