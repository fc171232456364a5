import BatonTesting
import Testing

@testable import BatonCore

@Suite("The context of a session")
struct SessionContextTests {
    private let store = SessionStore(on: ReferenceModel(clock: ManualClock().now))
    private let session: Session

    init() async throws { session = try store.session("s", user: "u", app: "a") }

    private func append(_ events: [NewEvent]) async throws {
        for start in stride(from: 0, to: events.count, by: 1000) {
            try await session.append(Array(events[start..<min(start + 1000, events.count)]), creating: true)
        }
    }

    private func append(_ transcript: RandomTranscript) async throws {
        try await append(
            transcript.events.map { NewEvent($0.content, role: $0.role, type: $0.type, isPartial: $0.isPartial) })
    }

    @Test("reading backwards as far as needed chooses what reading everything would", arguments: 0..<20)
    func readsEnough(seed: Int) async throws {
        let transcript = try RandomTranscript(seed: UInt64(seed) &+ 500, count: 400)
        try await append(transcript)
        let all = try await session.events(EventQuery(limit: 1000)).events
        var random = SplitMix64(seed: UInt64(seed))
        for isUserFirst in [false, true, false, true] {
            let request = ContextRequest(
                maximumTokens: Int.random(in: 300...6000, using: &random),
                maximumEvents: Bool.random(using: &random) ? Int.random(in: 5...200, using: &random) : nil, systemMessages: .all,
                beginsWithUser: isUserFirst)
            let expected = Result { try ContextSelection(all, leading: [], request, EventCost(TokenEstimate(), imageTokens: 1000)).choose() }
            do {
                let context = try await session.context(request)
                let chosen = try expected.get()
                #expect(context.events == chosen.events && context.tokens == chosen.tokens)
                #expect(context.isWhole || context.applied != nil)
            } catch {
                #expect((try? expected.get()) == nil, "\(error)")
            }
        }
    }

    @Test func everythingIsShownThatFits() async throws {
        try await append([.message("a", role: "user"), .message("b", role: "assistant")])
        let context = try await session.context()
        #expect(context.events.map(\.seq) == [1, 2] && context.applied == nil && context.isWhole && context.dropped.isEmpty && context.budget == nil)
        #expect(try await session.context(ContextRequest(maximumTokens: 1000)).applied == nil)
    }

    @Test func systemMessagesOfTheBeginningStayWhateverIsCut() async throws {
        let talk = (0..<200).map { NewEvent.message(String(repeating: "word ", count: 20), role: $0.isMultiple(of: 2) ? "user" : "assistant") }
        let rules = (0..<11).map { NewEvent.message("rule \($0)", role: "system") }
        try await append(rules + talk + [.message("between", role: "system")] + talk)
        func system(_ which: ContextRequest.SystemMessages) async throws -> [Int] {
            try await session.context(ContextRequest(maximumTokens: 1000, systemMessages: which)).events.filter { $0.role == "system" }.map(\.seq)
        }
        #expect(try await system(.leading) == Array(1...11))
        #expect(try await system(.all) == Array(1...11) + [212])
        #expect(try await system(.none) == [])
    }

    @Test func anUnansweredCallAtTheEndIsNotShownYet() async throws {
        try await append([
            .message("pay", role: "user"), NewEvent(try JSON(parsing: #"{"tool_calls":[{"id":"c"}]}"#), role: "assistant"),
        ])
        let before = try await session.context()
        #expect(before.events.map(\.seq) == [1] && before.dropped[.orphan]?.events == 1)
        try await append([NewEvent(try JSON(parsing: #"{"tool_call_id":"c","content":"paid"}"#), role: "tool")])
        #expect(try await session.context().events.map(\.seq) == [1, 2, 3])
    }

    @Test func aRewindHidesWhatItHidAndIsNoPartOfTheConversation() async throws {
        try await append([.message("a", role: "user"), .message("b", role: "assistant"), .message("c", role: "user")])
        _ = try await store.rewind(session.key, RewindDraft(to: .seq(2)))
        let context = try await session.context()
        #expect(context.events.map(\.seq) == [1, 2] && context.dropped[.notice]?.events == 1)
    }

    @Test func anEmptySessionHasAnEmptyContextAndAnAbsentOneNone() async throws {
        await #expect(throws: StoreError.self) { _ = try await session.context() }
        _ = try await store.create(session.key)
        let context = try await session.context(ContextRequest(maximumTokens: 10))
        #expect(context.events.isEmpty && context.tokens == 0 && context.isWhole)
    }

    @Test(
        "requests that no history could meet are refused",
        arguments: [
            ContextRequest(maximumTokens: 0), ContextRequest(maximumTokens: 10, reserve: 10), ContextRequest(reserve: 1),
            ContextRequest(overflow: .error), ContextRequest(maximumEvents: 0), ContextRequest(minimumEvents: 0),
            ContextRequest(minimumEvents: 6, maximumEvents: 5), ContextRequest(maximumTokens: 10, reserve: -1), ContextRequest(imageTokens: -1),
        ])
    func invalid(_ request: ContextRequest) async throws {
        try await append([.message("a", role: "user")])
        let error = await #expect(throws: StoreError.self) { _ = try await session.context(request) }
        #expect(error?.code == .invalidParameter)
    }
}
