import BatonIO
import BatonTelemetry
import Foundation
import Synchronization
import Testing

@testable import BatonHTTP

/// Runs `body` with a client of a server, and stops both.
func withClient(
    _ configure: (inout HTTPServer.Configuration) -> Void = { _ in }, client setUp: (inout HTTPClient.Configuration) -> Void = { _ in },
    handler: @escaping HTTPServer.Handler = echo, _ body: (HTTPClient, HTTPServer) async throws -> Void
) async throws {
    try await withServer(configure, handler: handler) { server, address in
        var configuration = HTTPClient.Configuration()
        setUp(&configuration)
        let client = try HTTPClient("http://\(address)", configuration, on: EventLoop.current)
        do {
            try await body(client, server)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }
}

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
    @Test func sendsAndReads() async throws {
        try await withClient { client, _ in
            let reply = try await client.send(Request(.post, "/echo", query: "a=b", headers: ["X": "y"], body: Array("hello".utf8)))
            #expect(reply.status == 200)
            #expect(reply.text == "hello")
            #expect(reply.headers["content-length"] == "5")
            #expect(try await client.send(Request(.head, "/healthz")).body.isEmpty)
        }
    }

    @Test func sendsWhatIsConfigured() async throws {
        try await withClient(
            client: {
                $0.bearerToken = Secret("t0ken")
                $0.headers = ["User-Agent": "test"]
            },
            handler: { request in
                .text(
                    200,
                    "\(request.method) \(request.path)?\(request.rawQuery ?? "") \(request.headers["Authorization"] ?? "") \(request.headers["User-Agent"] ?? "") \(request.headers["Content-Length"] ?? "none")"
                )
            }
        ) { client, _ in
            let plain = try await client.send(Request(.get, "/p", query: "q=1")).text
            #expect(plain == "GET /p?q=1 Bearer t0ken test none")
            let own = try await client.send(Request(.post, "/p", headers: ["User-Agent": "own"])).text
            #expect(own == "POST /p? Bearer t0ken own 0")
            #expect(!"\(HTTPClient.Configuration.init(token: "s3cret"))".contains("s3cret"))
        }
    }

    @Test func keepsConnections() async throws {
        try await withClient { client, server in
            for _ in 0..<20 { _ = try await client.send(Request(.get, "/healthz")) }
            #expect(await server.connectionCount() == 1)
        }
    }

    @Test func isUsableFromAnyExecutor() async throws {
        let server = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: 0)]), handler: echo)
        let client = try HTTPClient("http://\(server.addresses[0])")
        // The first connects, the others find a kept connection: neither may touch the pool from here.
        for _ in 0..<3 {
            #expect(try await client.send(Request(.get, "/healthz")).text == "ok")
            #expect(try await onMainActor(client) == "ok")
            #expect(try await Task.detached { try await client.send(Request(.get, "/healthz")).text }.value == "ok")
        }
        await client.close()
        await server.drain(within: .seconds(1))
    }

    @MainActor private func onMainActor(_ client: HTTPClient) async throws -> String {
        try await client.send(Request(.get, "/healthz")).text
    }

    @Test func boundsConnectionsAndServesEverybody() async throws {
        try await withClient(client: { $0.maximumConnections = 3 }) { client, server in
            let results = try await withThrowingTaskGroup(of: (String, Int).self, returning: [(String, Int)].self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let text = try await client.send(Request(.post, "/async", body: Array("\(number)".utf8))).text
                        return (text, await server.connectionCount())
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(results.map(\.0)).count == 60)
            #expect(results.allSatisfy { $0.1 <= 3 })
        }
    }

    @Test func aDeadlineEndsARequest() async throws {
        try await withClient(handler: { _ in
            try await Task.sleep(for: .seconds(30))
            return .text(200, "late")
        }) { client, _ in
            let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, "/"), by: .after(.milliseconds(50))) }
            #expect(error?.code == .timedOut)
            #expect(error?.requestWasSent == true)
        }
    }

    @Test func cancellationEndsARequest() async throws {
        let cancelled = Atomic<Bool>(false)
        try await withClient(handler: { _ in
            try? await Task.sleep(for: .seconds(30))
            cancelled.store(Task.isCancelled, ordering: .relaxed)
            return .text(200, "late")
        }) { client, server in
            let task = Task { try await client.send(Request(.get, "/")) }
            try await eventually { await server.connectionCount() == 1 }
            try await Task.sleep(for: .milliseconds(20))
            task.cancel()
            let error = await #expect(throws: HTTPError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            try await eventually { cancelled.load(ordering: .relaxed) }
        }
    }

    @Test func nobodyThereIsUnreachable() async throws {
        let client = try HTTPClient("http://127.0.0.1:1", on: EventLoop.current)
        let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, "/")) }
        #expect(error?.code == .unreachable)
        #expect(error?.requestWasSent == false)
        await client.close()
    }

    @Test func aClosedClientSaysSo() async throws {
        try await withClient { client, _ in
            await client.close()
            let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, "/")) }
            #expect(error?.code == .closed)
        }
    }

    @Test func anAnswerHasABound() async throws {
        try await withClient(client: { $0.limits.bodyBytes = 100 }, handler: { _ in Response(200, body: [UInt8](repeating: 1, count: 101)) }) {
            client, _ in
            let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, "/")) }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func streamsABodyWithBackPressure() async throws {
        let size = 4 * 1024 * 1024
        try await withClient(
            client: { $0.limits.bodyBytes = 10 },
            handler: { _ in Response(200, body: (0..<size).map { UInt8(truncatingIfNeeded: $0 >> 4) }) }
        ) { client, _ in
            let reply = try await client.stream(Request(.get, "/"))
            #expect(reply.status == 200)
            try await Task.sleep(for: .milliseconds(50))
            var count = 0
            var correct = true
            for try await piece in reply.body {
                for (offset, byte) in piece.enumerated() where byte != UInt8(truncatingIfNeeded: (count + offset) >> 4) { correct = false }
                count += piece.count
            }
            #expect(count == size)
            #expect(correct)
        }
    }

    @Test func aBodyNobodyReadsStopsItsServer() async throws {
        let written = Counter()
        let chunk = Chunk([UInt8](repeating: 97, count: 64 * 1024))
        try await withClient(handler: { _ in
            .events { stream in
                Task(executorPreference: stream.loop) {
                    for _ in 0..<1000 {
                        try await stream.write(chunk)
                        written.add()
                    }
                    stream.finish()
                }
            }
        }) { client, _ in
            let reply = try await client.stream(Request(.get, "/"))
            var before = -1
            while before != written.value {
                before = written.value
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(before < 1000)
            var count = 0
            for try await piece in reply.body { count += piece.count }
            #expect(count == 1000 * 64 * 1024)
        }
    }

    @Test func lettingGoOfABodyClosesItsConnection() async throws {
        try await withClient(handler: { _ in .events { $0.push(EventStreamEncoder.comment("x")) } }) { client, server in
            do {
                let reply = try await client.stream(Request(.get, "/"))
                #expect(try await reply.body.next() != nil)
                #expect(await server.streamCount() == 1)
            }
            try await eventually { await server.streamCount() == 0 }
        }
    }

    @Test(arguments: ["/a b", "a", "/é", "/a\r\nX: y", "/#", "/a?b"])
    func refusesBadPaths(_ path: String) async throws {
        let client = try HTTPClient("http://127.0.0.1:1", on: EventLoop.current)
        let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, path)) }
        #expect(error?.code == .invalidURL)
    }

    @Test func speaksOverAUnixSocket() async throws { try await onLoop { _ in try await speakOverAUnixSocket() } }

    private func speakOverAUnixSocket() async throws {
        let path = "/tmp/baton-http-\(UInt64.random(in: 0 ... .max)).sock"
        let server = try await HTTPServer(HTTPServer.Configuration(addresses: [.unix(path)]), handler: echo)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        for url in ["unix:\(path)", "http+unix://\(PercentEncoding.encode(path))"] {
            let client = try HTTPClient(url, on: EventLoop.current)
            #expect(try await client.send(Request(.get, "/healthz")).text == "ok")
            await client.close()
        }
        await server.drain(within: .seconds(1))
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}

extension HTTPClient.Configuration {
    fileprivate init(token: String) {
        self.init()
        bearerToken = Secret(token)
    }
}

@Suite struct HTTPURLTests {
    @Test(arguments: [
        ("http://localhost", "http://localhost", "localhost", ""), ("http://localhost:80/", "http://localhost", "localhost", ""),
        ("HTTP://h:4437/base/", "http://h:4437/base", "h:4437", "/base"), ("https://h", "https://h", "h", ""),
        ("https://[::1]:8443/a%20b", "https://[::1]:8443/a%20b", "[::1]:8443", "/a%20b"), ("https://[::1]", "https://[::1]", "[::1]", ""),
        ("unix:/tmp/x.sock", "unix:/tmp/x.sock", "localhost", ""),
        ("http+unix://%2Ftmp%2Fx.sock/base", "http+unix://%2Ftmp%2Fx.sock/base", "localhost", "/base"),
    ])
    func reads(_ text: String, _ description: String, _ authority: String, _ base: String) throws {
        let url = try HTTPURL(text)
        #expect(url.description == description)
        #expect(url.authority == authority)
        #expect(url.basePath == base)
    }

    @Test(arguments: [
        "", "localhost", "ftp://x", "http://", "http:///x", "http://:80", "http://h:0", "http://h:99999", "http://h:x", "http://u:pw@h",
        "http://h/a b",
        "http://h/?q", "http://h/#f", "unix:", "http+unix://", "http://h h",
    ])
    func refuses(_ text: String) {
        let error = #expect(throws: HTTPError.self) { try HTTPURL(text) }
        #expect(error?.code == .invalidURL || error?.code == .invalidEncoding)
        #expect(error?.description.contains("pw") == false)
    }
}
