import BatonChat
import BatonCore
import BatonHTTP
import BatonIO
import BatonTelemetry
import BatonTesting
import Testing

/// A server of models on a free port that answers what a test says, and remembers what it was asked.
private final class ModelServer: Sendable {
    private let server: HTTPServer
    private let seen = Guarded<[Request]>([])

    var requests: [Request] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(server.addresses[0].port ?? 0)/v1" }
    var port: UInt16 { server.addresses[0].port ?? 0 }

    init(tls: TLSServerContext? = nil, _ answer: @escaping @Sendable (Int) async throws -> Response) async throws {
        var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
        configuration.tls = tls
        let seen = seen
        server = try await HTTPServer(configuration) { request in
            let count = seen.withLock { seen in
                seen.append(request)
                return seen.count
            }
            return try await answer(count)
        }
    }

    func stop() async { await server.drain(within: .zero) }

    static func json(_ text: String, _ status: Status = 200, headers: Headers = [:]) -> Response {
        var headers = headers
        headers.add("Content-Type", "application/json")
        return Response(status, headers: headers, body: Array(text.utf8))
    }

    static func words(_ text: String) -> Response {
        json(#"{"id":"x","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"\#(text)"}}]}"#)
    }

    static func stream(_ text: String) -> Response {
        Response(200, headers: ["Content-Type": "text/event-stream; charset=utf-8"], body: Array(text.utf8))
    }
}

@Suite("Summaries by a chat endpoint", .timeLimit(.minutes(3)))
struct ChatSummarizerTests {
    private let key = SessionKey(owner: UserKey(checkedApp: "a", user: "u"), checkedID: "s")

    private func input(_ texts: [String] = ["hello", "hi"], previous: String? = nil, words: Int? = nil) throws -> SummaryInput {
        let events = try texts.enumerated().map { number, text in
            let draft = try EventDraft(NewEvent(JSON(string: text), role: number.isMultiple(of: 2) ? "user" : "assistant"))
            return Event(id: "\(number)", seq: number + 1, time: Timestamp(milliseconds: 1), body: draft.body)
        }
        return SummaryInput(session: key, previous: previous, events: events, maximumWords: words)
    }

    private func endpoint(_ url: String, key: String? = nil) -> ChatEndpoint {
        var endpoint = ChatEndpoint(url: url, model: "tiny", key: key.map { Secret($0) })
        endpoint.firstDelay = .milliseconds(1)
        endpoint.longestDelay = .seconds(1)
        return endpoint
    }

    private func with(
        _ answer: @escaping @Sendable (Int) async throws -> Response, _ change: (inout ChatEndpoint) -> Void = { _ in },
        _ body: (ChatSummarizer, ModelServer) async throws -> Void
    ) async throws {
        let server = try await ModelServer(answer)
        var endpoint = endpoint(server.url, key: "sk-very-secret")
        change(&endpoint)
        let summarizer = try ChatSummarizer(endpoint)
        let result: Result<Void, any Error>
        do { result = .success(try await body(summarizer, server)) } catch { result = .failure(error) }
        await summarizer.close()
        await server.stop()
        try result.get()
    }

    private func failure(_ summarizer: ChatSummarizer) async throws -> StoreError? {
        let input = try input()
        return await #expect(throws: StoreError.self) { _ = try await summarizer.summarize(input) }
    }

    @Test("the model is asked as such endpoints want it, and its words are the summary")
    func asks() async throws {
        try await with({ _ in ModelServer.words("they met") }, { $0.temperature = 0.2 }) {
            (summarizer: ChatSummarizer, server: ModelServer) async throws in
            #expect(try await summarizer.summarize(input(previous: "earlier", words: 40)) == "they met")
            let request = try #require(server.requests.first)
            #expect(request.method == .post && request.path == "/v1/chat/completions")
            #expect(request.headers["Authorization"] == "Bearer sk-very-secret" && request.headers["Content-Type"] == "application/json")
            let body = try JSON(request.body)
            #expect(body["model"]?.stringValue == "tiny" && body["stream"]?.description == "false" && body["temperature"]?.description == "0.2")
            let messages = try #require(body["messages"]?.elements)
            #expect(messages.map { $0["role"]?.stringValue } == ["system", "user"])
            #expect(messages[0]["content"]?.stringValue?.contains("at most 40 words") == true)
            let asked = try #require(messages[1]["content"]?.stringValue)
            #expect(asked.contains("<summary>\nearlier\n</summary>") && asked.contains("user: hello\nassistant: hi"))
        }
    }

    @Test("a busy or broken server is asked again, as late as it says", arguments: [408, 425, 429, 500, 502, 503, 529])
    func retries(status: Int) async throws {
        try await with({ count in
            count < 3 ? ModelServer.json("{}", Status(status), headers: ["Retry-After": "0"]) : ModelServer.words("at last")
        }) { (summarizer: ChatSummarizer, server: ModelServer) async throws in
            #expect(try await summarizer.summarize(input()) == "at last")
            #expect(server.requests.count == 3)
        }
    }

    @Test("a refusal is final, and neither key nor answer stands in the error", arguments: [400, 401, 403, 404, 413, 422])
    func refusals(status: Int) async throws {
        try await with({ _ in ModelServer.json(#"{"error":"sk-very-secret hello"}"#, Status(status)) }) {
            (summarizer: ChatSummarizer, server: ModelServer) async throws in
            let error = try #require(try await failure(summarizer))
            #expect(error.code == .summaryFailed && error.message.contains("\(status)"))
            #expect(!"\(error) \(String(describing: error.underlying))".contains("secret") && !"\(error)".contains("hello"))
            #expect(server.requests.count == 1)
        }
    }

    @Test("it gives up after so many attempts, and at once when the server wants to be left alone for long")
    func givesUp() async throws {
        try await with({ _ in ModelServer.json("{}", 503) }, { $0.attempts = 3 }) { (summarizer: ChatSummarizer, server: ModelServer) async throws in
            #expect(try await failure(summarizer)?.code == .summaryFailed)
            #expect(server.requests.count == 3)
        }
        try await with({ _ in ModelServer.json("{}", 429, headers: ["Retry-After": "3600"]) }) {
            (summarizer: ChatSummarizer, server: ModelServer) async throws in
            #expect(try await failure(summarizer)?.code == .summaryFailed)
            #expect(server.requests.count == 1)
        }
    }

    @Test("a server that stalls is asked again when its time is over")
    func stalls() async throws {
        try await with(
            { count in
                if count == 1 { try await Task.sleep(for: .seconds(600)) }
                return ModelServer.words("awake")
            }, { $0.timeout = .milliseconds(300) }
        ) { (summarizer: ChatSummarizer, server: ModelServer) async throws in
            #expect(try await summarizer.summarize(input()) == "awake")
            #expect(server.requests.count == 2)
        }
    }

    @Test("a server that is not there is asked again, then given up")
    func unreachable() async throws {
        let server = try await ModelServer { _ in ModelServer.words("never") }
        let url = server.url
        await server.stop()
        var endpoint = endpoint(url)
        endpoint.attempts = 2
        let summarizer = try ChatSummarizer(endpoint)
        #expect(try await failure(summarizer)?.code == .summaryFailed)
        await summarizer.close()
    }

    @Test(
        "nonsense is no summary",
        arguments: [
            "", "<html>", "null", "[]", #"{"choices":[]}"#, #"{"choices":[{"message":{}}]}"#, #"{"choices":[{"message":{"content":7}}]}"#,
            #"{"choices":[{"finish_reason":"length","message":{"content":"half a"}}]}"#,
            #"{"choices":[{"finish_reason":"content_filter","message":{"content":""}}]}"#,
        ])
    func nonsense(body: String) async throws {
        try await with({ _ in ModelServer.json(body) }) { (summarizer: ChatSummarizer, _: ModelServer) async throws in
            #expect(try await failure(summarizer)?.code == .summaryFailed)
        }
    }

    @Test("a server that streams whatever it is asked is understood; one that breaks off is not")
    func streams() async throws {
        let pieces =
            #"data: {"choices":[{"delta":{"role":"assistant"}}]}"# + "\n\n" + #"data: {"choices":[{"delta":{"content":"they "}}]}"# + "\n\n: ping\n\n"
            + #"data:{"choices":[{"delta":{"content":"met"},"finish_reason":null}]}"# + "\r\n\r\n"
        let usage = #"data: {"choices":[],"usage":{}}"# + "\n\n"
        for ending in [usage + "data: [DONE]\n\n", #"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"# + "\n\n"] {
            try await with({ _ in ModelServer.stream(pieces + ending) }) { (summarizer: ChatSummarizer, _: ModelServer) async throws in
                #expect(try await summarizer.summarize(input()) == "they met")
            }
        }
        for broken in [pieces, pieces + "data: {\"choices\"", pieces + #"data: {"choices":[{"delta":{},"finish_reason":"length"}]}"# + "\n\n"] {
            try await with({ _ in ModelServer.stream(broken) }) { (summarizer: ChatSummarizer, _: ModelServer) async throws in
                #expect(try await failure(summarizer)?.code == .summaryFailed)
            }
        }
    }

    @Test("parts of text are put together")
    func parts() async throws {
        let answer = #"{"choices":[{"message":{"content":[{"type":"text","text":"they "},{"type":"text","text":"met"}]}}]}"#
        try await with({ _ in ModelServer.json(answer) }) { (summarizer: ChatSummarizer, _: ModelServer) async throws in
            #expect(try await summarizer.summarize(input()) == "they met")
        }
    }

    @Test("further parameters are sent as they are, and what an answer cost is told", arguments: [false, true])
    func parameters(isStream: Bool) async throws {
        let answers = Guarded<[ChatAnswer]>([])
        let usage = #"{"prompt_tokens":12,"completion_tokens":3}"#
        let body =
            isStream
            ? ModelServer.stream(
                #"data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"# + "\n\n" + #"data: {"choices":[],"usage":\#(usage)}"#
                    + "\n\ndata: [DONE]\n\n")
            : ModelServer.json(#"{"choices":[{"message":{"content":"x"}}],"usage":\#(usage)}"#)
        try await with(
            { count in count == 1 ? ModelServer.json("{}", 503, headers: ["Retry-After": "0"]) : body },
            {
                $0.parameters = ["max_tokens": JSON(checked: Array("512".utf8)), "reasoning": JSON(checked: Array(#"{"effort":"low"}"#.utf8))]
                $0.onAnswer = { answer in answers.withLock { $0.append(answer) } }
            }
        ) { (summarizer: ChatSummarizer, server: ModelServer) async throws in
            _ = try await summarizer.summarize(input())
            let body = try JSON(server.requests[1].body)
            #expect(body["max_tokens"]?.intValue == 512 && body["reasoning"]?["effort"]?.stringValue == "low")
            let answer = try #require(answers.withLock { $0.count == 1 ? $0[0] : nil })
            #expect(answer.session == key && answer.filter.isEmpty && answer.attempts == 2 && answer.usage?.description == usage)
        }
        var endpoint = endpoint("http://localhost/v1")
        endpoint.parameters = ["messages": JSON(string: "mine")]
        #expect(throws: StoreError.self) { _ = try ChatSummarizer(endpoint) }
    }

    @Test("over TLS only a server that the authorities vouch for is asked, today and by its name; the key goes to nobody else")
    func encryption() async throws {
        let certificates = try await TestCertificates()
        let good = TLSIdentity(certificateChain: certificates.server.certificate, privateKey: certificates.server.key)
        let other = TLSIdentity(certificateChain: certificates.client.certificate, privateKey: certificates.client.key)
        let expired = TLSIdentity(certificateChain: certificates.expired.certificate, privateKey: certificates.expired.key)
        let cases: [(identity: TLSIdentity, authorities: String?, host: String, isTrusted: Bool)] = [
            (good, certificates.authority, "localhost", true), (good, certificates.authority, "127.0.0.1", true),
            (good, certificates.otherAuthority, "localhost", false), (good, nil, "localhost", false),
            (expired, certificates.authority, "localhost", false), (other, certificates.authority, "localhost", false),
        ]
        for (identity, authorities, host, isTrusted) in cases {
            let server = try await ModelServer(tls: TLSServerContext(identity: identity)) { _ in ModelServer.words("in secret") }
            var endpoint = endpoint("https://\(host):\(server.port)/v1", key: "sk-very-secret")
            endpoint.authorities = authorities
            let summarizer = try ChatSummarizer(endpoint)
            if isTrusted {
                #expect(try await summarizer.summarize(input()) == "in secret")
                #expect(server.requests.first?.headers["Authorization"] == "Bearer sk-very-secret")
            } else {
                let error = try await failure(summarizer)
                #expect(error?.code == .summaryFailed && server.requests.isEmpty, "\(host), \(authorities ?? "the system's authorities")")
                let shown = "\(String(describing: error)) \(String(describing: error?.underlying))"
                #expect(!shown.contains("secret"))
            }
            await summarizer.close()
            await server.stop()
        }
        // A server that does not speak TLS gets nothing either.
        let plain = try await ModelServer { _ in ModelServer.words("in the open") }
        var endpoint = endpoint("https://localhost:\(plain.port)/v1", key: "sk-very-secret")
        endpoint.authorities = certificates.authority
        endpoint.attempts = 1
        let summarizer = try ChatSummarizer(endpoint)
        #expect(try await failure(summarizer)?.code == .summaryFailed && plain.requests.isEmpty)
        await summarizer.close()
        await plain.stop()
        await certificates.remove()
    }

    @Test("authorities that cannot be read are refused before anything is asked")
    func wrongAuthorities() {
        var endpoint = endpoint("https://localhost/v1")
        endpoint.authorities = "/nonexistent.pem"
        let error = #expect(throws: StoreError.self) { _ = try ChatSummarizer(endpoint) }
        #expect(error?.code == .invalidParameter)
    }

    @Test("it ends when its task is cancelled")
    func cancellation() async throws {
        try await with(
            { _ in
                try await Task.sleep(for: .seconds(600))
                return ModelServer.words("never")
            }, { $0.timeout = .seconds(600) }
        ) { (summarizer: ChatSummarizer, server: ModelServer) async throws in
            let input = try input()
            let task = Task { try await summarizer.summarize(input) }
            #expect(await eventually { server.requests.count == 1 })
            task.cancel()
            await #expect(throws: (any Error).self) { _ = try await task.value }
        }
    }

    @Test("what was said is put into its place and nowhere else")
    func prompt() async throws {
        try await with({ _ in ModelServer.words("x") }) { (summarizer: ChatSummarizer, server: ModelServer) async throws in
            _ = try await summarizer.summarize(
                input(["{previous_summary} {max_summary_words}", "{conversation_text}"], previous: "{conversation_text}"))
            let asked = try #require(try JSON(server.requests[0].body)["messages"]?.elements?[1]["content"]?.stringValue)
            #expect(asked.contains("user: {previous_summary} {max_summary_words}\nassistant: {conversation_text}"))
            #expect(asked.contains("<summary>\n{conversation_text}\n</summary>"))
        }
    }

    @Test(
        "a prompt without a place for what it needs is refused",
        arguments: [
            (ChatPrompt(system: nil, user: "Summarise."), false), (ChatPrompt(system: "{conversation_text}", user: "{conversation_text}"), false),
            (ChatPrompt(system: "{previous_summary}", user: "{conversation_text}"), false),
            (ChatPrompt(system: nil, user: "{conversation_text}"), true),
        ])
    func wrongPrompt(prompt: ChatPrompt, limitsWords: Bool) throws {
        #expect(throws: StoreError.self) { _ = try prompt.checked(limitsWords: limitsWords) }
    }

    @Test("an endpoint that cannot be one is refused, and its key is not shown")
    func wrongEndpoint() {
        for endpoint in [endpoint("ftp://x"), endpoint("http://user:sk-very-secret@host/v1"), ChatEndpoint(url: "http://localhost/v1", model: "")] {
            let error = #expect(throws: StoreError.self) { _ = try ChatSummarizer(endpoint) }
            #expect(error?.code == .invalidParameter && "\(error.map { "\($0)" } ?? "")".contains("secret") == false)
        }
        #expect(!"\(endpoint("http://localhost", key: "sk-very-secret"))".contains("secret"))
    }

    @Test("it makes the summaries of a store")
    func inAStore() async throws {
        try await with({ count in ModelServer.words("summary \(count)") }) { (summarizer: ChatSummarizer, server: ModelServer) async throws in
            var configuration = SummaryConfiguration(summarizer, trigger: .events(3))
            configuration.keptEvents = 0
            let store = try SessionStore(on: ReferenceModel(clock: { SystemClock.now() })).with(summaries: configuration)
            for number in 0..<4 { try await store.session(key).append(.message("text \(number)", role: "user"), creating: true) }
            #expect(try await eventually { try await store.summary(of: key)?.text == "summary 1" })
            #expect(try await store.summary(of: key)?.model == "tiny" && server.requests.count == 1)
            await store.close()
        }
    }
}
