import BatonTesting
import Testing

@testable import BatonCore

@Suite("Choosing what a summary takes in")
struct SummaryDeltaTests {
    private func event(_ seq: Int, _ content: String, role: String = "assistant", branch: String? = nil, isPartial: Bool = false, at second: Int = 0)
        throws
        -> Event
    {
        let draft = try EventDraft(
            NewEvent(
                content.hasPrefix("{") ? JSON(parsing: content) : JSON(string: content), role: role, branch: branch, isPartial: isPartial))
        return Event(id: "\(seq)", seq: seq, time: Timestamp(milliseconds: 1_000_000 + 1000 * second), body: draft.body)
    }

    private func delta(
        _ events: [Event], kept: Int = 0, ceiling: Int = 1_000_000, filter: String = "", isComplete: Bool = true, since: Timestamp? = nil,
        at second: Int = 0
    ) throws -> SummaryDelta {
        SummaryDelta(
            events, isComplete: isComplete, scope: try SummaryScope(checking: filter), kept: kept, ceiling: ceiling, cost: .standard, since: since,
            at: Timestamp(milliseconds: 1_000_000 + 1000 * second))
    }

    private func call(_ seq: Int, _ id: String) throws -> Event { try event(seq, #"{"tool_calls":[{"id":"\#(id)"}]}"#) }
    private func result(_ seq: Int, _ id: String) throws -> Event { try event(seq, #"{"tool_call_id":"\#(id)"}"#, role: "tool") }

    @Test("everything is taken but the newest that are kept")
    func kept() throws {
        let events = try (1...10).map { try event($0, "text \($0)") }
        #expect(try delta(events).boundary?.seq == 10)
        let delta = try delta(events, kept: 4)
        #expect(delta.taken.map(\.seq) == Array(1...6) && delta.boundary == events[5].offset && !delta.isCut)
        #expect(delta.tokensCovered + delta.tokensBehind == events.reduce(0) { $0 + EventCost.standard.tokens(of: $1) })
        #expect(try self.delta(events, kept: 10).boundary == nil)
        #expect(try self.delta([]).boundary == nil)
    }

    @Test("a tool round is never parted, and one that goes on is left whole")
    func rounds() throws {
        let events = [
            try event(1, "do", role: "user"), try call(2, "a"), try call(3, "b"), try result(4, "b"), try result(5, "a"), try event(6, "done"),
            try call(7, "c"),
        ]
        for kept in 2...5 { #expect(try delta(events, kept: kept).boundary?.seq == (kept == 2 ? 5 : 1), "kept \(kept)") }
        // The last call may be answered yet.
        #expect(try delta(events).boundary?.seq == 6)
    }

    @Test("a call that nobody answered for long does not stop what comes after it")
    func patience() throws {
        let events = [try call(1, "lost")] + (try (2...400).map { try event($0, "text") })
        #expect(try delta(events, kept: 10).boundary?.seq == 390)
        #expect(try delta(Array(events.prefix(100))).boundary == nil)
    }

    @Test("what is shown behind the summary begins with a user's turn where there is one")
    func turns() throws {
        let events = try (1...12).map { try event($0, "text", role: $0 % 4 == 1 ? "user" : "assistant") }
        #expect(try delta(events, kept: 2).boundary?.seq == 8)
        #expect(try delta(events, kept: 3).boundary?.seq == 8)
        #expect(try delta(events, kept: 4).boundary?.seq == 8)
    }

    @Test("no more than the ceiling is taken at once, but always a round")
    func ceiling() throws {
        let events = try (1...10).map { try event($0, String(repeating: "x", count: 398)) }
        let hundred = EventCost.standard.tokens(of: events[0])
        let delta = try delta(events, ceiling: 3 * hundred)
        #expect(delta.taken.map(\.seq) == [1, 2, 3] && delta.isCut)
        #expect(try self.delta(events, ceiling: 1).taken.map(\.seq) == [1])
        #expect(try self.delta([call(1, "a"), result(2, "a")] + events.dropFirst(2), ceiling: 1).taken.map(\.seq) == [1, 2])
        // A beginning of what there is has nothing to keep.
        #expect(try self.delta(events, kept: 5, isComplete: false).taken.count == 10)
    }

    @Test("only what is part of the filter is taken and counted; the boundary passes what is not")
    func filters() throws {
        let branches = [nil, "a", "b", "a/x", "b", "ab", "b"]
        let events = try branches.enumerated().map { try event($0 + 1, "text", branch: $1) }
        let a = try delta(events, filter: "a")
        #expect(a.taken.map(\.seq) == [1, 2, 4] && a.progress.events == 3 && a.boundary?.seq == 7 && !a.isWhole)
        #expect(try delta(events, kept: 1, filter: "a").boundary?.seq == 3)
        #expect(try delta(events, filter: "a/x").taken.map(\.seq) == [1, 2, 4])
        #expect(try delta(events).isWhole)
        let only = try delta([event(1, "text", branch: "a"), event(2, "text", branch: "a/b")], filter: "a")
        #expect(only.isWhole)
    }

    @Test("pieces and the store's notices are passed over")
    func notices() throws {
        let notice = Event(id: "n", seq: 2, time: Timestamp(milliseconds: 1_000_000), body: try History.rewindEvent(to: 1).body)
        let delta = try delta([event(1, "a"), notice, event(3, "b", isPartial: true), event(4, "c")])
        #expect(delta.taken.map(\.seq) == [1, 4] && delta.progress.events == 2 && delta.boundary?.seq == 4)
    }

    @Test("idle is what nothing happened since the last summary was made")
    func idle() throws {
        let events = try [0, 10, 50, 55].enumerated().map { try event($0 + 1, "text", at: $1) }
        #expect(try delta(events, at: 60).progress.idle == .seconds(40))
        #expect(try delta(events, at: 155).progress.idle == .seconds(100))
        // The pause before the third event has led to a summary already.
        #expect(try delta(events, since: Timestamp(milliseconds: 1_000_000 + 30_000), at: 60).progress.idle == .seconds(5))
        #expect(try delta(events, since: Timestamp(milliseconds: 1_000_000 + 55_000), at: 99).progress.idle == .zero)
    }

    @Test("whatever the conversation, a boundary parts no round and leaves nothing unsaid", arguments: 0..<40)
    func properties(seed: Int) throws {
        let transcript = try RandomTranscript(seed: UInt64(seed) &+ 9_000, count: 150)
        var random = SplitMix64(seed: UInt64(seed))
        var rest = transcript.events[...]
        var taken: [Int] = []
        while true {
            let kept = Int.random(in: 0...20, using: &random)
            let delta = try delta(Array(rest), kept: kept, ceiling: Int.random(in: 50...5_000, using: &random))
            guard let boundary = delta.boundary else { break }
            taken += delta.taken.map(\.seq)
            let left = rest.drop { $0.seq <= boundary.seq }
            #expect(left.count < rest.count)
            #expect(delta.taken.allSatisfy { $0.seq <= boundary.seq } && !delta.taken.isEmpty)
            rest = left
        }
        #expect(taken == taken.sorted() && Set(taken).count == taken.count)
        let said = transcript.events.filter { event in !event.isNotice && !event.isPartial && event.seq < rest.first?.seq ?? .max }
        #expect(taken == said.map(\.seq))
    }
}
