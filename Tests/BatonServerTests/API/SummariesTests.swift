import Baton
import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Summaries over HTTP", .timeLimit(.minutes(1)))
struct SummariesTests {
    /// Says how many events it was given.
    private struct Counting: Summarizer {
        let model: String? = "count"
        func summarize(_ input: SummaryInput) -> String { "\(input.previous.map { "\($0)+" } ?? "")\(input.events.count)" }
    }

    private func making(_ trigger: SummaryTrigger? = nil) async throws -> TestAPI {
        var configuration = SummaryConfiguration(Counting(), trigger: trigger)
        configuration.keptEvents = 2
        return TestAPI(on: try SessionStore(on: ReferenceModel(clock: { SystemClock.now() })).with(summaries: configuration))
    }

    @Test("a client's own summary is stored up to a place, listed, shown, and never replaced by an older one")
    func ownSummary() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        try await test.append(5, to: session)
        let whole = session + "/summaries/*"
        #expect(await test.call(.get, whole).code == "not_found")
        let stored = await test.call(.put, whole, #"{"text":"three","through":3,"model":"me"}"#)
        #expect(stored.status == 200 && stored.json["throughSeq"]?.intValue == 3 && stored.json["filter"]?.stringValue == "")
        let offset = try #require(stored.json["through"]?.stringValue)
        #expect(await test.call(.put, session + "/summaries/a%2Fb", #"{"text":"of a branch","through":"\#(offset)"}"#).status == 200)
        #expect(await test.call(.get, session + "/summaries/a%2Fb").json["text"]?.stringValue == "of a branch")
        let older = await test.call(.put, whole, #"{"text":"two","through":2}"#)
        #expect(older.status == 409 && older.code == "conflict" && older.json["current"]?.intValue == 3)
        let list = await test.call(.get, session + "/summaries").json
        #expect(list["summaries"]?.elements?.map { $0["text"]?.stringValue } == ["three", "of a branch"])
        #expect(list["tokens"]?.intValue == (await test.call(.get, session).json["tokens"]?.intValue))
        #expect(await test.call(.get, session).json["summaries"] == nil)
        #expect(await test.call(.get, session + "?summaries=true&tracks=true").json["summaries"]?.elements?.count == 2)
    }

    @Test(
        "what is no summary is refused",
        arguments: [
            ("{}", "invalid_field"), (#"{"text":"a"}"#, "invalid_field"), (#"{"text":" ","through":1}"#, "invalid_field"),
            (#"{"text":"a","through":9}"#, "invalid_field"), (#"{"text":"a","through":0}"#, "invalid_field"),
            (#"{"text":"a","through":"x"}"#, "invalid_cursor"), (#"{"text":"a","through":1,"by":2}"#, "unknown_field"),
            (#"{"text":"a","through":1,"mark":2}"#, "invalid_field"), (#"{"text":"a","through":1,"claim":7}"#, "invalid_field"),
        ])
    func refused(body: String, code: String) async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        try await test.append(2, to: session)
        #expect(await test.call(.put, session + "/summaries/*", body).code == code)
        #expect(await test.call(.get, session + "/summaries").json["summaries"]?.elements?.isEmpty == true)
    }

    @Test("who makes a summary elsewhere claims it; a claim that was taken is fenced")
    func claims() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        try await test.append(3, to: session)
        let offset = try #require(await test.call(.get, session).json["tail"]?.stringValue)
        let address = session + "/summaries/f"
        let first = try #require(await test.call(.post, address + "/claim", #"{"holder":"one","ttl":30}"#).json["claim"]?.intValue)
        let second = await test.call(.post, address + "/claim", #"{"holder":"two"}"#)
        #expect(second.status == 409 && second.code == "busy")
        let taken = try #require(await test.call(.post, address + "/claim", #"{"holder":"two","steal":true}"#).json["claim"]?.intValue)
        let late = await test.call(.put, address, #"{"text":"late","through":"\#(offset)","claim":\#(first)}"#)
        #expect(late.status == 403 && late.code == "fenced" && late.json["currentEpoch"]?.intValue == taken)
        #expect(await test.call(.delete, address + "/claim?claim=\(taken)").status == 204)
        #expect(await test.call(.post, address + "/claim", #"{"holder":"three"}"#).status == 200)
        #expect(await test.call(.post, address + "/claim", #"{"ttl":30}"#).code == "invalid_field")
    }

    @Test("without a summarizer asking is answered, and nothing happens")
    func noSummarizer() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        let reply = await test.call(.post, session + "/summaries", #"{"force":true,"wait":true}"#)
        #expect(reply.status == 200 && reply.json["made"]?.description == "false" && reply.json["queued"]?.description == "false")
        #expect(await test.call(.post, "\(TestAPI.base)/absent/summaries").code == "not_found")
    }

    @Test("a summary is made when it is asked for, now or by a worker")
    func asked() async throws {
        let test = try await making()
        let session = try await test.session()
        #expect(await test.call(.post, session + "/summaries", #"{"wait":true,"force":true}"#).status == 204)
        try await test.append(5, to: session)
        let made = await test.call(.post, session + "/summaries", #"{"wait":true,"force":true}"#)
        #expect(made.status == 200 && made.json["summary"]?["text"]?.stringValue == "3" && made.json["summary"]?["model"]?.stringValue == "count")
        try await test.append(2, to: session)
        #expect(await test.call(.post, session + "/summaries", #"{"force":true}"#).status == 202)
        #expect(await eventually { await test.call(.get, session + "/summaries/*").json["text"]?.stringValue == "3+2" })
        await test.store.close()
    }

    @Test("appends over HTTP make summaries by themselves, and a context shows them")
    func byItself() async throws {
        let test = try await making(.events(4))
        let session = try await test.session()
        try await test.append(6, to: session)
        #expect(await eventually { await test.call(.get, session + "/summaries/*").json["throughSeq"]?.intValue == 4 })
        let context = await test.call(.get, session + "/context?strategy=summarize&filter=*").json
        #expect(context["summary"]?["text"]?.stringValue == "4" && context["applied"]?.stringValue == "summarize")
        #expect(context["events"]?.elements?.map { $0["seq"]?.intValue } == [5, 6])
        let plain = await test.call(.get, session + "/context").json
        #expect(plain["summary"]?.isNull == true && plain["events"]?.elements?.count == 6)
        #expect(await test.call(.get, session + "/context?strategy=forget").code == "invalid_parameter")
        await test.store.close()
    }

    @Test("a store that is a daemon's has it make summaries, and may make them itself under its claims")
    func remote() async throws {
        let live = try await LiveDaemon(summaries: SummaryConfiguration(Counting(), trigger: nil))
        let result: Result<Void, any Error>
        do {
            let store = try await SessionStore.open("http://\(live.daemon.addresses[0])")
            let key = try SessionKey(app: "a", user: "u", id: "s")
            for number in 0..<15 { try await store.session(key).append(.message("\(number)", role: "user"), creating: true) }
            #expect(!store.makesSummaries)
            #expect(try await store.summarize(key)?.text == "5")
            #expect(try await store.requestSummary(of: key, isForced: true))
            var own = SummaryConfiguration(Counting(), trigger: nil)
            own.keptEvents = 0
            let making = try store.with(summaries: own)
            #expect(try await making.summarize(key)?.text == "5+10")
            #expect(try await store.get(key).record.tokens > 60)
            await making.close()
            result = .success(())
        } catch { result = .failure(error) }
        await live.stop()
        try result.get()
    }
}
