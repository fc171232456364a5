import BatonTesting
import Testing

@testable import BatonCore

@Suite("A context with a summary")
struct SummaryContextTests {
    private let model = ReferenceModel(clock: ManualClock().now)
    private let store: SessionStore
    private let session: Session

    init() throws {
        store = SessionStore(on: model)
        session = try store.session("s", user: "u", app: "a")
    }

    private func talk(_ turns: Int, words: Int = 20) async throws {
        var events: [NewEvent] = []
        for turn in 0..<turns {
            let text = String(repeating: "word ", count: words)
            events += [.message("\(turn) \(text)", role: "user"), .message("\(turn) \(text)", role: "assistant")]
        }
        try await session.append(events, creating: true)
    }

    private func seqs(_ context: SessionContext) -> [Int] { context.events.map(\.seq) }

    @Test("the newest summary stands for what it covers, and everything after it is shown")
    func summarize() async throws {
        try await talk(20)
        try await store.setSummary("the story so far", of: session.key, through: .seq(30))
        let context = try await session.context(ContextRequest(strategy: .summarize))
        #expect(context.summary?.text == "the story so far" && context.applied == .summarize && !context.isWhole)
        #expect(seqs(context) == Array(31...40))
        #expect(context.readEvents <= 10 + 8)
        let cost = EventCost.standard
        #expect(context.tokens == context.events.reduce(0) { $0 + cost.tokens(of: $1) } + cost.tokens(of: context.summary!))
    }

    @Test("a summary up to the newest event leaves nothing else to be shown but system messages")
    func everything() async throws {
        try await session.append(.message("rules", role: "system"), creating: true)
        try await talk(3)
        try await store.setSummary("all", of: session.key, through: .seq(7))
        let context = try await session.context(ContextRequest(maximumTokens: 1000, strategy: .summarize))
        #expect(seqs(context) == [1] && context.summary?.text == "all")
    }

    @Test("what begins behind the summary needs no user's turn: nothing is to be lost in between")
    func noHole() async throws {
        try await talk(5)
        try await store.setSummary("half a turn", of: session.key, through: .seq(7))
        let context = try await session.context(ContextRequest(maximumTokens: 100_000, strategy: .summarize))
        #expect(seqs(context) == [8, 9, 10])
    }

    @Test("the budget holds with the summary: what does not fit is left out and said")
    func budget() async throws {
        try await talk(50)
        try await store.setSummary(String(repeating: "summary ", count: 20), of: session.key, through: .seq(20))
        let all = try await session.context(ContextRequest(strategy: .summarize))
        #expect(seqs(all) == Array(21...100))
        let request = ContextRequest(maximumTokens: 600, strategy: .summarize)
        let context = try await session.context(request)
        #expect(context.summary != nil && context.tokens <= 600 && context.events.count > 10)
        #expect(context.events.last?.seq == 100 && context.dropped[.budget] != nil)
        // Where only one of both has room it is the newest turn.
        let tight = try await session.context(ContextRequest(maximumTokens: 70, strategy: .summarize))
        #expect(tight.summary == nil && tight.applied == .truncate && seqs(tight) == [99, 100])
        await #expect(throws: StoreError.self) {
            _ = try await session.context(ContextRequest(maximumTokens: 600, strategy: .summarize, overflow: .error))
        }
        await #expect(throws: StoreError.self) { _ = try await session.context(ContextRequest(maximumTokens: 10, strategy: .summarize)) }
    }

    @Test("hybrid shows the window too where the summary covers it, and never less than the summary leaves out")
    func hybrid() async throws {
        try await talk(60)
        try await store.setSummary("s", of: session.key, through: .seq(100))
        let window = try await session.context(ContextRequest(strategy: .hybrid))
        #expect(seqs(window) == Array(71...120) && window.summary != nil && window.applied == .hybrid)
        let few = try await session.context(ContextRequest(strategy: .hybrid, maximumEvents: 10))
        #expect(seqs(few) == Array(111...120))
        try await talk(30)
        let more = try await session.context(ContextRequest(strategy: .hybrid))
        #expect(seqs(more) == Array(101...180))
        let tight = try await session.context(ContextRequest(maximumTokens: 900, strategy: .hybrid))
        #expect(tight.summary != nil && tight.tokens <= 900 && tight.events.last?.seq == 180)
    }

    @Test("events that the summary covers are not called dropped for the budget")
    func covered() async throws {
        try await talk(30)
        try await store.setSummary("s", of: session.key, through: .seq(40))
        let context = try await session.context(ContextRequest(maximumTokens: 900, strategy: .hybrid))
        #expect(context.events.first.map { $0.seq > 20 } == true)
        let left = context.dropped[.summarized]?.events ?? 0
        #expect(left > 0 && context.dropped[.budget] == nil)
    }

    @Test("without a summary it is as without the strategy, and says so")
    func none() async throws {
        try await talk(40)
        for (asked, meant) in [(ContextRequest.Strategy.summarize, ContextRequest.Strategy.truncate), (.hybrid, .sliding)] {
            let context = try await session.context(ContextRequest(maximumTokens: 500, strategy: asked))
            let expected = try await session.context(ContextRequest(maximumTokens: 500, strategy: meant))
            #expect(context == expected && context.applied == meant && context.summary == nil)
        }
        let short = try await session.context(ContextRequest(maximumTokens: 100_000, strategy: .summarize))
        #expect(short.applied == nil && short.isWhole)
    }

    @Test("with overflow truncate there is no summary")
    func truncated() async throws {
        try await talk(5)
        try await store.setSummary("s", of: session.key, through: .seq(4))
        let context = try await session.context(ContextRequest(maximumTokens: 100_000, strategy: .summarize, overflow: .truncate))
        #expect(context.summary == nil && seqs(context) == Array(1...10))
    }

    @Test("a filter has its own summary and its own events")
    func filter() async throws {
        for branch in ["a", "b", "a", nil, "b", "a/x"] {
            try await session.append(NewEvent(JSON(string: "text"), role: "user", branch: branch), creating: true)
        }
        try await store.setSummary("of a", of: session.key, filter: "a", through: .seq(1))
        let context = try await session.context(ContextRequest(strategy: .summarize, filter: "a"))
        #expect(context.summary?.text == "of a" && seqs(context) == [3, 4, 6])
        let other = try await session.context(ContextRequest(strategy: .summarize, filter: "b"))
        #expect(other.summary == nil && seqs(other) == [2, 4, 5])
    }

    @Test("a summary that was made untrue is not shown")
    func outdated() async throws {
        try await talk(5)
        try await store.setSummary("s", of: session.key, through: .seq(6))
        _ = try await store.rewind(session.key, RewindDraft(to: .seq(4)))
        let context = try await session.context(ContextRequest(strategy: .summarize))
        #expect(context.summary == nil && seqs(context) == [1, 2, 3, 4])
    }
}
