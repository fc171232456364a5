import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("The context of a session over HTTP")
struct ContextTests {
    private func talk(_ test: TestAPI) async throws -> String {
        let session = try await test.session()
        var events = [#"{"role":"system","content":"Be kind."}"#]
        for number in 0..<40 { events.append(#"{"role":"\#(number.isMultiple(of: 2) ? "user" : "assistant")","content":"message \#(number)"}"#) }
        #expect(await test.call(.post, session + "/events", "[\(events.joined(separator: ","))]").status == 201)
        return session
    }

    @Test("the newest events that fit, what was left out, and how much was read")
    func budget() async throws {
        let test = try await TestAPI()
        let session = try await talk(test)
        let reply = await test.call(.get, session + "/context?maxTokens=100&reserve=20")
        #expect(reply.status == 200)
        #expect(reply.json["budget"]?.intValue == 80 && (60...80).contains(reply.json["tokens"]?.intValue ?? 0))
        #expect(reply.contents.first == #""Be kind.""# && reply.contents.last == #""message 39""#)
        #expect(reply.json["applied"]?.stringValue == "truncate")
        let dropped = try #require(reply.json["dropped"])
        #expect(dropped["reasons"]?["budget"]?["events"]?.intValue ?? 0 > 0)
        #expect(reply.json["read"]?["events"]?.intValue ?? 0 >= reply.contents.count)
        #expect(reply.json["read"]?["bytes"]?.intValue ?? 0 > 0)
        let whole = await test.call(.get, session + "/context")
        #expect(whole.contents.count == 41 && whole.json["applied"]?.isNull == true && whole.json["read"]?["whole"]?.description == "true")
        #expect(await test.call(.get, session + "/context?strategy=sliding&maxEvents=4").seqs == [1, 38, 39, 40, 41])
        #expect(await test.call(.get, session + "/context?strategy=sliding&maxEvents=3&userFirst=false&system=none").seqs == [39, 40, 41])
    }

    @Test("one of ten thousand events reads only what it needs, and says how much")
    func readsLittle() async throws {
        let test = try await TestAPI()
        let session = try test.store.session("s", user: "ada", app: "shop")
        let text = String(repeating: "some words that were said ", count: 10)
        try await session.append(.message("Be kind.", role: "system"), creating: true)
        for start in 0..<10 {
            try await session.append((0..<1000).map { .message("\(start) " + text, role: $0.isMultiple(of: 2) ? "user" : "assistant") })
        }
        let context = try await session.context(ContextRequest(maximumTokens: 8000, reserve: 1000))
        #expect(context.budget == 7000 && (6800...7000).contains(context.tokens))
        #expect(context.events.first?.role == "system" && context.events.last?.seq == 10_001)
        #expect(context.readEvents < context.events.count + 40)
        let bytes = try await session.events(last: 1)[0].body.bytes.count
        #expect(context.readBytes <= bytes * context.readEvents)
        #expect(!context.isWhole && context.applied == .truncate && context.tail.seq == 10_001)
        let window = try await session.context(ContextRequest(strategy: .sliding, maximumEvents: 20))
        #expect(window.events.count == 21 && window.readEvents < 60 && window.applied == .sliding)
    }

    @Test("what does not fit is 422 with the tokens that it takes")
    func overflow() async throws {
        let test = try await TestAPI()
        let session = try await talk(test)
        let reply = await test.call(.get, session + "/context?maxTokens=100&overflow=error")
        #expect(reply.status == 422 && reply.code == "budget_exceeded" && reply.json["current"]?.intValue ?? 0 > 100)
        #expect(await test.call(.get, session + "/context?maxTokens=5").code == "budget_exceeded")
    }

    @Test(
        "what cannot be asked is refused",
        arguments: ["maxTokens=0", "maxTokens=10&reserve=10", "reserve=1", "strategy=other", "maxEvents=0", "tokens=5", "userFirst=maybe"])
    func invalid(_ query: String) async throws {
        let test = try await TestAPI()
        #expect(await test.call(.get, try await talk(test) + "/context?" + query).code == "invalid_parameter")
    }
}
