import Baton
import BatonCore
import BatonHTTP
import BatonTelemetry
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Numbers of the event bus")
struct GroupGaugesTests {
    private func group(_ name: String, lag: Int, pending: Int = 0, dead: Int = 0, oldest: Int? = nil) -> ConsumerGroup {
        ConsumerGroup(
            topic: "t", name: name, settings: GroupSettings(), position: .start, lag: lag, pending: pending, dead: dead, lost: 1,
            oldestUnfinished: oldest.map { Timestamp(milliseconds: $0) }, consumers: [])
    }

    private func text(_ groups: [ConsumerGroup]) -> String {
        let registry = Metrics()
        registry.collect { GroupGauges.samples(of: groups, at: Timestamp(milliseconds: 100_000)) }
        return String(decoding: registry.exposition(), as: UTF8.self)
    }

    @Test("a group shows what it has left, and how old the oldest of it is")
    func one() {
        let text = text([group("g", lag: 3, pending: 2, dead: 1, oldest: 98_500), group("done", lag: 0)])
        for line in [
            #"baton_group_lag{group="g",topic="t"} 3"#, #"baton_group_pending{group="g",topic="t"} 2"#,
            #"baton_group_dead_letters{group="g",topic="t"} 1"#, #"baton_group_oldest_unfinished_seconds{group="g",topic="t"} 1.5"#,
            #"baton_group_oldest_unfinished_seconds{group="done",topic="t"} 0"#, "baton_groups 2", "baton_groups_behind 1",
            "baton_groups_dead_letters 1", "baton_groups_lost 2", "baton_groups_oldest_unfinished_seconds 1.5",
        ] { #expect(text.contains(line + "\n"), "\(line)") }
    }

    @Test("of very many groups those with most to do have series of their own, and all are counted")
    func bound() {
        let text = text((1...1000).map { group("g\($0)", lag: $0, oldest: 0) })
        let shown = text.split(separator: "\n").filter { $0.hasPrefix("baton_group_lag{") }
        #expect(shown.count == GroupGauges.maximumGroups)
        #expect(shown.allSatisfy { $0.split(separator: " ").last.flatMap { Int($0) } ?? 0 > 1000 - GroupGauges.maximumGroups })
        #expect(text.contains("baton_groups 1000\n"))
    }

    @Test("a daemon shows groups that are behind, publishers that are refused, and consumers that wait")
    func live() async throws {
        try await TemporaryDirectory.with { directory in
            let address = StoreAddress.sqlite(path: directory.file("a.db"))
            let store = try await SessionStore.open(address)
            let topic = try store.topic("t")
            try await topic.publish((1...3).map { TopicEventDraft(type: "a", data: JSON(string: "\($0)")) })
            try await topic.group("g").set(from: .start)
            try await topic.retain(TopicRetention(maximumEvents: 3, maximumBytes: nil, maximumAge: nil, policy: .safe))
            let daemon = try await LiveDaemon(store: address)
            func metrics() async throws -> String { try await daemon.send(.get, "/metrics").text }
            try await eventually("the group is seen") { try await metrics().contains(#"baton_group_lag{group="g",topic="t"} 3"#) }
            #expect(try await metrics().contains("baton_topic_publishes_refused_total 0\n"))
            #expect(try await daemon.send(.post, "/v1/topics/t/events", #"{"type":"a","data":1}"#).status == 429)
            #expect(try await metrics().contains("baton_topic_publishes_refused_total 1\n"))
            #expect(try await daemon.send(.put, "/v1/topics/t/groups/idle", #"{"from":"now"}"#).status == 201)
            let waiting = Task { try await daemon.send(.post, "/v1/topics/t/groups/idle/deliveries", #"{"consumer":"c","wait":30}"#) }
            try await eventually("the consumer is seen") { try await metrics().contains("baton_store_waiting_consumers 1\n") }
            await daemon.stop()
            _ = try? await waiting.value
            await store.close()
        }
    }
}
