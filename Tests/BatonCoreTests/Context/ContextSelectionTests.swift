import BatonTesting
import Testing

@testable import BatonCore

@Suite("Choosing the events of a context")
struct ContextSelectionTests {
    private let cost = EventCost(TokenEstimate(), imageTokens: 1000)

    private func tokens(_ events: some Sequence<Event>) -> Int { events.reduce(0) { $0 + cost.tokens(of: $1) } }

    /// The longest end of a conversation that no tool round crosses and that has room: found by trying them all.
    private func longestEnd(of conversation: [Event], room: Int, limit: Int) -> [Event] {
        for start in conversation.indices {
            let end = Array(conversation[start...])
            if end.count <= limit, tokens(end) <= room, WholeTranscript(end).orphans.isEmpty { return end }
        }
        return []
    }

    @Test("it is the longest end that fits, never over the budget, never half a round, system messages kept", arguments: 0..<24)
    func properties(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) &+ 77)
        let transcript = try RandomTranscript(seed: UInt64(seed), count: Int.random(in: 1...120, using: &random))
        for _ in 0..<12 {
            let maximum = Int.random(in: 1...3000, using: &random)
            let request = ContextRequest(
                maximumTokens: maximum, reserve: Int.random(in: 0..<maximum, using: &random),
                maximumEvents: Bool.random(using: &random) ? Int.random(in: 1...40, using: &random) : nil, beginsWithUser: false)
            let budget = try #require(request.budget)
            let room = budget - tokens(transcript.system)
            let conversation = transcript.conversation
            let expected = room < 0 ? [] : longestEnd(of: conversation, room: room, limit: request.eventLimit)
            let selection = ContextSelection(transcript.events, leading: [], request, cost)
            do {
                let chosen = try selection.choose()
                #expect(chosen.events == transcript.system + expected)
                #expect(chosen.tokens == tokens(chosen.events) && chosen.tokens <= budget)
                #expect(chosen.events.last == conversation.last || conversation.isEmpty)
                #expect(chosen.dropped.values.reduce(0) { $0 + $1.events } + chosen.events.count == transcript.events.count)
                #expect(chosen.dropped.values.reduce(0) { $0 + $1.tokens } + chosen.tokens == tokens(transcript.events))
                let again = try ContextSelection(transcript.events, leading: [], request, cost).choose()
                #expect(again.events == chosen.events && again.dropped == chosen.dropped)
            } catch {
                #expect(error.code == .budgetExceeded)
                #expect(room < 0 || expected.isEmpty && !conversation.isEmpty)
            }
        }
    }

    @Test("with a user's turn first it begins with one where there is one, and the rest still holds", arguments: 0..<24)
    func userFirst(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) &+ 99)
        let transcript = try RandomTranscript(seed: UInt64(seed) &+ 1000, count: 80)
        for _ in 0..<12 {
            let request = ContextRequest(maximumTokens: Int.random(in: 100...3000, using: &random))
            guard let chosen = try? ContextSelection(transcript.events, leading: [], request, cost).choose() else { continue }
            let kept = chosen.events.filter { !$0.isSystemMessage }
            #expect(chosen.tokens <= request.maximumTokens!)
            #expect(WholeTranscript(kept).orphans.isEmpty)
            #expect(kept.last == transcript.conversation.last)
            #expect(chosen.dropped.values.reduce(0) { $0 + $1.events } + chosen.events.count == transcript.events.count)
            guard let first = kept.first, !first.isUserMessage else { continue }
            // Only where every later turn of a user stands inside a round, and what the last one before said has no room.
            for (index, event) in kept.enumerated() where event.isUserMessage {
                let isWhole = WholeTranscript(Array(kept[index...])).orphans.isEmpty
                #expect(!isWhole)
            }
            let conversation = transcript.conversation
            guard let last = conversation.last(where: { $0.isUserMessage && $0.seq < first.seq }) else { continue }
            let shortest = conversation.indices.reversed().lazy.map { Array(conversation[$0...]) }.first { WholeTranscript($0).orphans.isEmpty }
            #expect(tokens([last]) + tokens(transcript.system) + tokens(shortest ?? []) > request.maximumTokens!)
        }
    }

    /// Events of one role each, `u` user, `a` assistant, `s` system, `(` a call and `)` its result, each of ten tokens.
    private func events(_ roles: String) throws -> [Event] {
        try roles.enumerated().map { index, role in
            let content =
                switch role {
                case "(": try JSON(parsing: #"{"tool_calls":[{"id":"c"}]}"#)
                case ")": try JSON(parsing: #"{"tool_call_id":"c"}"#)
                default: JSON(string: String(role))
                }
            let name = ["u": "user", "a": "assistant", "s": "system", "(": "assistant", ")": "tool"][role]
            let draft = try EventDraft(NewEvent(content, role: name, metadata: JSON(parsing: #"{"tokenCount":10}"#)))
            return Event(id: "\(index)", seq: index + 1, time: Timestamp(milliseconds: index), body: draft.body)
        }
    }

    private func places(_ roles: String, _ request: ContextRequest) throws -> [Int] {
        try ContextSelection(events(roles), leading: [], request, cost).choose().events.map(\.seq)
    }

    @Test func aWorkerInALongLoopHearsWhatItsWorkIsAbout() throws {
        #expect(try places("uaaaaaaaa", ContextRequest(maximumTokens: 40)) == [1, 7, 8, 9])
        #expect(try places("uaua(a)a", ContextRequest(maximumTokens: 50)) == [3, 5, 6, 7, 8])
        #expect(try places("uaua(a)a", ContextRequest(maximumTokens: 40)) == [3, 8])
        #expect(try places("aaaa", ContextRequest(maximumTokens: 20)) == [3, 4])
        #expect(try places("auaua", ContextRequest(maximumTokens: 40)) == [2, 3, 4, 5])
        #expect(try places("auaua", ContextRequest(maximumTokens: 30)) == [4, 5])
        #expect(try places("auaua", ContextRequest(maximumTokens: 30, beginsWithUser: false)) == [3, 4, 5])
    }

    @Test func asManyEventsAsAreDemandedHaveToFit() throws {
        #expect(try places("uauaua", ContextRequest(maximumTokens: 40, minimumEvents: 4)) == [3, 4, 5, 6])
        let error = #expect(throws: StoreError.self) { try places("uauaua", ContextRequest(maximumTokens: 40, minimumEvents: 5)) }
        #expect(error?.code == .budgetExceeded && error?.detail == .current(50))
        // Fewer than are demanded are there.
        #expect(try places("ua", ContextRequest(maximumTokens: 40, minimumEvents: 5)) == [1, 2])
        // A turn that would leave fewer than are demanded is no place to begin at.
        #expect(try places("uaaaua", ContextRequest(maximumTokens: 40, minimumEvents: 3)) == [1, 4, 5, 6])
    }

    @Test func aWindowHoldsTheNewestEventsAndWholeRounds() throws {
        #expect(try places("uauauaua", ContextRequest(strategy: .sliding, maximumEvents: 4)) == [5, 6, 7, 8])
        #expect(try places("suauauaua", ContextRequest(strategy: .sliding, maximumEvents: 2)) == [1, 8, 9])
        #expect(try places("ua(au)u", ContextRequest(strategy: .sliding, maximumEvents: 3)) == [7])
        let error = #expect(throws: StoreError.self) { try places("u(aaaa)", ContextRequest(strategy: .sliding, maximumEvents: 3)) }
        #expect(error?.code == .budgetExceeded)
        #expect(try places(String(repeating: "ua", count: 60), ContextRequest(strategy: .sliding)).count == ContextRequest.window)
        #expect(
            try places(String(repeating: "ua", count: 60), ContextRequest(maximumTokens: 5000, strategy: .sliding, overflow: .truncate)).count == 120)
    }

    @Test func whatIsOverTheBudgetIsRefusedWhereThatIsAsked() throws {
        #expect(try places("uaua", ContextRequest(maximumTokens: 40, overflow: .error)) == [1, 2, 3, 4])
        let error = #expect(throws: StoreError.self) { try places("uaua", ContextRequest(maximumTokens: 39, overflow: .error)) }
        #expect(error?.code == .budgetExceeded && error?.detail == .current(40))
        let system = #expect(throws: StoreError.self) { try places("ssua", ContextRequest(maximumTokens: 19)) }
        #expect(system?.detail == .current(20))
    }

    @Test func everyEventThatIsLeftOutIsCountedWithItsReason() throws {
        let chosen = try ContextSelection(events("ua(uaua)"), leading: [], ContextRequest(maximumTokens: 60), cost).choose()
        #expect(chosen.events.isEmpty == false)
        let torn = try ContextSelection(events("ua(uaua"), leading: [], ContextRequest(maximumTokens: 30), cost).choose()
        #expect(torn.events.map(\.seq) == [6, 7])
        #expect(torn.dropped[.orphan]?.events == 1 && torn.dropped[.budget]?.events == 3 && torn.dropped[.turn]?.events == 1)
        #expect(torn.dropped[.budget]?.tokens == 30)
    }
}
