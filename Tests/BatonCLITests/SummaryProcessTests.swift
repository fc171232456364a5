import Baton
import BatonCore
import BatonHTTP
import BatonIO
import BatonTesting
import Testing

@Suite("Summaries by daemons that share a store", .timeLimit(.minutes(4)))
struct SummaryProcessTests {
    /// A server of models on a free port: it counts, and stalls as long as it is told to.
    private final class Models: Sendable {
        private let server: HTTPServer
        private let state: Guarded<(asked: [String], stalls: Bool)>

        var asked: [String] { state.withLock { $0.asked } }
        var options: [String] {
            [
                "--summaries-url", "http://127.0.0.1:\(server.addresses[0].port ?? 0)/v1", "--summaries-model", "tiny", "--summaries-after-events",
                "3",
                "--summaries-keep", "0",
            ]
        }

        init(stalls: Bool = false) async throws {
            let state = Guarded<(asked: [String], stalls: Bool)>(([], stalls))
            self.state = state
            server = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: 0)])) { request in
                let number = state.withLock { state in
                    state.asked.append(String(decoding: request.body, as: UTF8.self))
                    return state.asked.count
                }
                while state.withLock({ $0.stalls }) { try await Task.sleep(for: .milliseconds(10)) }
                let answer = #"{"choices":[{"finish_reason":"stop","message":{"content":"summary \#(number)"}}]}"#
                return Response(200, headers: ["Content-Type": "application/json"], body: Array(answer.utf8))
            }
        }

        func goOn() { state.withLock { $0.stalls = false } }
        func stop() async {
            goOn()
            await server.drain(within: .zero)
        }
    }

    private let key = SessionKey(owner: UserKey(checkedApp: "demo", user: "ann"), checkedID: "first")

    private func with(_ models: Models, _ body: () async throws -> Void) async throws {
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await models.stop()
        try result.get()
    }

    private func append(_ count: Int, to url: String) async throws {
        let store = try await SessionStore.open(url)
        for number in 0..<count { try await store.session(key).append(.message("text \(number)", role: "user"), creating: true) }
        await store.close()
    }

    @Test("two daemons to which a session is appended make one summary of it", arguments: [false, true])
    func once(onRedis: Bool) async throws {
        let models = try await Models(stalls: true)
        try await with(models) {
            try await withStore(onRedis) { address in
                try await withDaemon(store: address, models.options) { one in
                    try await withDaemon(store: address, models.options) { two in
                        try await append(4, to: one.url)
                        try await eventually("the model is asked") { models.asked.count == 1 }
                        // Due for the other daemon too, which finds the claim of the first.
                        try await append(4, to: two.url)
                        let store = try await SessionStore.open(two.url)
                        try await Task.sleep(for: .milliseconds(300))
                        #expect(models.asked.count == 1)
                        #expect(try await store.summaries(of: key).summaries.isEmpty)
                        models.goOn()
                        try await eventually("the rest is in it", within: .seconds(60), every: .milliseconds(100)) {
                            try await append(1, to: two.url)
                            return try await store.summary(of: key).map { $0.boundary.seq >= 8 } ?? false
                        }
                        // Each was made of the one before, whichever of the two made it: none beside another.
                        let asked = models.asked
                        #expect(asked.count >= 2)
                        for number in 1..<asked.count { #expect(asked[number].contains("summary \(number)\\n")) }
                        let shown = try await BatonProcess.run("summaries show demo/ann/first", store: two.url)
                        #expect(shown.status == 0 && shown.output.contains("summary"))
                        await store.close()
                    }
                }
            }
        }
    }

    @Test("a daemon that is killed while it makes a summary leaves nothing half, and another makes it", arguments: [false, true])
    func killed(onRedis: Bool) async throws {
        let models = try await Models(stalls: true)
        try await with(models) {
            try await withStore(onRedis) { address in
                let options = models.options + ["--summaries-timeout", "1s"]
                try await withDaemon(store: address, models.options + ["--summaries-timeout", "3s"]) { one in
                    try await append(4, to: one.url)
                    try await eventually("the model is asked") { models.asked.count == 1 }
                    await one.kill()
                }
                models.goOn()
                try await withDaemon(store: address, options) { two in
                    let store = try await SessionStore.open(two.url)
                    #expect(try await store.summaries(of: key).summaries.isEmpty)
                    // The claim of the dead is over a few seconds later; until then appends find it.
                    try await eventually("another makes it", within: .seconds(60), every: .milliseconds(200)) {
                        try await append(1, to: two.url)
                        return try await store.summary(of: key) != nil
                    }
                    #expect(try await store.summary(of: key)?.text == "summary 2")
                    await store.close()
                }
            }
        }
    }

    @Test("the command line shows, makes and sets summaries, on a file and with a model of its own")
    func commands() async throws {
        let models = try await Models()
        try await with(models) {
            try await withTemporaryDirectory { directory in
                let store = "sqlite:\(directory)/a.db"
                for number in 1...4 {
                    _ = try await BatonProcess.run(
                        ["append", "--create", "demo/ann/first", "--content", "text \(number)", "--role", "user"], store: store)
                }
                #expect(try await BatonProcess.run("summaries show demo/ann/first", store: store).status == 66)
                let nothing = try await BatonProcess.run("summaries make demo/ann/first", store: store)
                #expect(nothing.status == 0 && nothing.output.isEmpty)
                let made = try await BatonProcess.run(
                    ["summaries", "make", "demo/ann/first"] + models.options.filter { !$0.contains("after-events") && $0 != "3" }, store: store,
                    environment: ["BATON_SUMMARIES_KEY": "sk-secret"])
                #expect(made.status == 0, "\(made.errors)")
                #expect(try made.json().first?["text"]?.stringValue == "summary 1" && !made.errors.contains("sk-secret"))
                let set = try await BatonProcess.run(
                    ["summaries", "set", "demo/ann/first", "--branch", "b", "--through", "2", "--text", "mine"], store: store)
                #expect(set.status == 0, "\(set.errors)")
                let list = try await BatonProcess.run("summaries list demo/ann/first", store: store).json()
                #expect(list.map { $0["text"]?.stringValue } == ["summary 1", "mine"])
                let context = try await BatonProcess.run("context demo/ann/first --strategy summarize --branch b", store: store).json()
                #expect(context.first?["summary"]?["text"]?.stringValue == "mine")
                for wrong in ["--summaries-url http://127.0.0.1:1/v1", "--summaries-model x", "--summaries-url ftp://x --summaries-model x"] {
                    #expect(try await BatonProcess.run("summaries make demo/ann/first \(wrong)", store: store).status == 64, "\(wrong)")
                }
            }
        }
    }

    private func withStore(_ onRedis: Bool, _ body: (String) async throws -> Void) async throws {
        if onRedis {
            try await RedisServer.with { server in try await body("redis://127.0.0.1:\(server.port)") }
        } else {
            try await withTemporaryDirectory { directory in try await body("sqlite:\(directory)/a.db") }
        }
    }
}
