import BatonCore
import BatonHTTP
import BatonIO
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Waiting for deliveries over HTTP", .timeLimit(.minutes(2)))
struct LongPollTests {
    private static let group = "/v1/topics/t/groups/g"

    private func grouped(_ settings: String = #"{"from":"start"}"#) async throws -> LiveDaemon {
        let live = try await LiveDaemon()
        #expect(try await live.send(.put, Self.group, settings).status == 201)
        return live
    }

    private func receive(_ live: LiveDaemon, as consumer: String, max: Int = 1, wait: Int = 30) async throws -> [JSON] {
        let reply = try await live.send(.post, Self.group + "/deliveries", #"{"consumer":"\#(consumer)","max":\#(max),"wait":\#(wait)}"#)
        #expect(reply.status == 200)
        return try JSON(reply.body)["deliveries"]?.elements ?? []
    }

    private func waiting(_ live: LiveDaemon, _ count: Int) async -> Bool {
        await eventually {
            (try? await live.send(.get, "/metrics").text.contains("baton_store_waiting_consumers \(count)\n")) == true
        }
    }

    @Test("sixty-four consumers that wait get one event each")
    func crowd() async throws {
        let live = try await grouped()
        let got = try await withThrowingTaskGroup(of: [Int].self) { tasks in
            for number in 0..<64 {
                tasks.addTask { try await receive(live, as: "c\(number)").compactMap { $0["event"]?["seq"]?.intValue } }
            }
            #expect(await waiting(live, 64))
            for start in stride(from: 1, through: 64, by: 8) {
                let events = (start..<(start + 8)).map { #"{"type":"x","data":\#($0)}"# }.joined(separator: ",")
                _ = try await live.send(.post, "/v1/topics/t/events", "[\(events)]")
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(got.allSatisfy { $0.count == 1 })
        #expect(Set(got.flatMap { $0 }) == Set(1...64))
        await live.stop()
    }

    @Test("a consumer that waits is woken by what another gives back")
    func givenBack() async throws {
        let live = try await grouped()
        _ = try await live.send(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#)
        let held = try #require(try await receive(live, as: "a").first)
        async let next = receive(live, as: "b")
        #expect(await waiting(live, 1))
        _ = try await live.send(
            .post, Self.group + "/release", #"{"consumer":"a","deliveries":[{"id":\#(held["id"]!),"token":\#(held["token"]!)}]}"#)
        let second = try #require(try await next.first)
        #expect(second["id"] == held["id"])
        #expect(second["attempt"]?.intValue == 1)
        await live.stop()
    }

    @Test("what a dead worker held comes to one that waits when the lease is over")
    func dead() async throws {
        let live = try await grouped(#"{"from":"start","leaseSeconds":0.3,"backoff":0}"#)
        _ = try await live.send(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#)
        let first = try #require(try await receive(live, as: "dies").first)
        let second = try #require(try await receive(live, as: "waits").first)
        #expect(second["id"] == first["id"])
        #expect(second["attempt"]?.intValue == 2)
        let late = try await live.send(
            .post, Self.group + "/ack", #"{"consumer":"dies","deliveries":[{"id":\#(first["id"]!),"token":\#(first["token"]!)}]}"#)
        #expect(try JSON(late.body)["deliveries"]?.elements?.first?["outcome"]?.stringValue == "fenced")
        await live.stop()
    }

    @Test("an empty answer comes when the time is over")
    func empty() async throws {
        let live = try await grouped()
        let reply = try await live.send(.post, Self.group + "/deliveries", #"{"consumer":"c","wait":0.05}"#)
        #expect(reply.text == #"{"deliveries":[],"nextDue":null,"lost":0}"#)
        await live.stop()
    }

    @Test("a client that goes away while it waits takes nothing with it")
    func gone() async throws {
        let live = try await grouped()
        for _ in 0..<5 {
            let leaving = Task { try await receive(live, as: "leaves") }
            #expect(await waiting(live, 1))
            leaving.cancel()
            _ = try? await leaving.value
            #expect(await waiting(live, 0))
        }
        _ = try await live.send(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#)
        let delivery = try #require(try await receive(live, as: "stays", wait: 0).first)
        #expect(delivery["attempt"]?.intValue == 1)
        await live.stop()
    }

    @Test("clients that go away in the moment that something comes use up no attempt")
    func race() async throws {
        let api = try await TestAPI()
        _ = await api.call(.put, Self.group, #"{"from":"start","leaseSeconds":3600}"#)
        var (released, number, yields) = (0, 0, 25)
        while number < 200 || released == 0 && number < 5000 {
            number += 1
            let leaving = Task { await api.call(.post, Self.group + "/deliveries", #"{"consumer":"leaves","wait":30}"#) }
            #expect(await eventually { api.store.gauges.contains { $0.name == "waiting_consumers" && $0.value == 1 } })
            async let published = api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":\#(number)}"#)
            // A little earlier after each time that was too late, and a little later after each that was too early: so around the moment in which the
            // storage hands it out, wherever on this machine that is.
            for _ in 0..<yields { await Task.yield() }
            leaving.cancel()
            let reply = await leaving.value
            #expect(await published.status == 201)
            guard reply.json["deliveries"]?.elements?.isEmpty != false else {
                yields = max(0, yields - 1)
                continue
            }
            yields += 1
            // The client was not given it: another gets it as if nothing had been, and not in an hour.
            released += reply.status == 503 ? 1 : 0
            let next = await api.call(.post, Self.group + "/deliveries", #"{"consumer":"stays"}"#).json["deliveries"]?.elements?.first
            #expect(next?["event"]?["data"]?.intValue == number, "\(reply.status) \(reply.text)")
            #expect(next?["attempt"]?.intValue == 1)
        }
        #expect(released > 0, "the moment was never met")
    }

    @Test("a daemon that stops answers those who wait with nothing, and ends streams in order")
    func drain() async throws {
        let live = try await grouped()
        let statuses = try await withThrowingTaskGroup(of: (Int, String).self) { tasks in
            for number in 0..<8 {
                tasks.addTask {
                    let reply = try await live.send(.post, Self.group + "/deliveries", #"{"consumer":"c\#(number)","wait":30}"#)
                    return (Int(reply.status.code), reply.text)
                }
            }
            #expect(await waiting(live, 8))
            let stream = try await live.client.stream(Request(.get, "/v1/topics/t/events", headers: ["Accept": "text/event-stream"]))
            let stopping = Task { await live.daemon.stop() }
            // The last chunk says that nothing is missing: a stream that was broken off throws.
            for try await _ in stream.body {}
            let answers = try await tasks.reduce(into: []) { $0.append($1) }
            await stopping.value
            return answers
        }
        #expect(statuses.count == 8)
        #expect(statuses.allSatisfy { $0.0 == 200 && $0.1.contains(#""deliveries":[]"#) })
        await live.client.close()
    }
}
