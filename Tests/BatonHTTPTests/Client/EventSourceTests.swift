import BatonIO
import Synchronization
import Testing

@testable import BatonHTTP

private let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

private func fast(_ change: (inout EventSource.Options) -> Void = { _ in }) -> EventSource.Options {
    var options = EventSource.Options()
    options.retryDelay = .milliseconds(5)
    options.maximumRetryDelay = .milliseconds(20)
    change(&options)
    return options
}

@Suite(.timeLimit(.minutes(1))) struct EventSourceTests {
    @Test func resumesAfterTheLastWholeEvent() async throws {
        try await withScript([
            [.answer(head + "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\nda"), .close], [.refuse],
            [.answer(head + "id: 3\ndata: c\n\n"), .close], [.answer("HTTP/1.1 204 No Content\r\n\r\n")],
        ]) { client, server in
            var seen: [String] = []
            for try await event in client.events("/e", after: "0", options: fast()) { seen.append("\(event.id)\(event.text)") }
            #expect(seen == ["1a", "2b", "3c"])
            let resumed = server.requests.map { request in request.split(separator: "\r\n").first { $0.hasPrefix("Last-Event-ID") } ?? "" }
            #expect(resumed == ["Last-Event-ID: 0", "Last-Event-ID: 2", "Last-Event-ID: 3"])
        }
    }

    /// A server that breaks off after every so many bytes, in the middle of lines and events: no gap, no duplicate.
    @Test(arguments: [43, 64, 101, 250])
    func noGapAndNoDuplicateWhereverItIsCut(_ bytesPerConnection: Int) async throws {
        let total = 60
        let stream = (1...total).map { "id: \($0)\nevent: n\ndata: line \($0)\ndata: more\n\n" }
        let server = ScriptedStream(stream, bytesPerConnection)
        try await withServer(handler: server.answer) { _, address in
            let client = try HTTPClient("http://\(address)", on: EventLoop.current)
            var seen: [String] = []
            for try await event in client.events("/e", options: fast { $0.retryDelay = .zero }) {
                seen.append(event.id)
                if event.id == "\(total)" { break }
            }
            #expect(seen == (1...total).map(String.init))
            await client.close()
        }
    }

    @Test(arguments: [(400, true), (401, true), (404, true), (410, true), (500, false), (503, false), (429, false)])
    func givesUpOnlyWhereTryingAgainChangesNothing(_ status: Int, _ givesUp: Bool) async throws {
        try await withScript([
            [.answer("HTTP/1.1 \(status) X\r\nContent-Length: 4\r\n\r\ngone"), .close], [.answer("HTTP/1.1 204 No Content\r\n\r\n")],
        ]) { client, _ in
            var iterator = client.events("/e", options: fast()).makeAsyncIterator()
            do throws(HTTPError) {
                let end = try await iterator.next()
                #expect(end == nil)
                #expect(!givesUp)
            } catch {
                #expect(givesUp)
                #expect(error.code == .unexpectedStatus)
                #expect(error.status == Status(status))
                #expect(error.message.contains("gone"))
            }
        }
    }

    @Test func anAnswerOfAnotherTypeIsAnError() async throws {
        try await withScript([[.answer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n")]]) { client, _ in
            var iterator = client.events("/e", options: fast()).makeAsyncIterator()
            do throws(HTTPError) {
                _ = try await iterator.next()
                Issue.record("taken for an event stream")
            } catch {
                #expect(error.code == .malformed)
            }
        }
    }

    @Test func silenceCountsAsABreak() async throws {
        try await withScript([[.answer(head + "data: a\n\n")], [.answer("HTTP/1.1 204 No Content\r\n\r\n")]]) { client, server in
            var iterator = client.events("/e", options: fast { $0.silenceLimit = .milliseconds(100) }).makeAsyncIterator()
            let first = try await iterator.next()
            #expect(first?.text == "a")
            let end = try await iterator.next()
            #expect(end == nil)
            #expect(server.requests.count == 2)
        }
    }

    @Test func attemptsCanBeBounded() async throws {
        let reasons = Mutex<[HTTPError.Code]>([])
        try await withScript([]) { client, _ in
            var iterator = client.events(
                "/e",
                options: fast {
                    $0.maximumAttempts = 3
                    $0.interrupted = { error, _ in reasons.withLock { $0.append(error.code) } }
                }
            ).makeAsyncIterator()
            do throws(HTTPError) {
                _ = try await iterator.next()
                Issue.record("went on after three attempts")
            } catch {
                #expect(error.code == .unreachable || error.code == .connectionClosed)
            }
        }
        #expect(reasons.withLock { $0.count } == 2)
    }

    @Test func cancellationEndsAWait() async throws {
        try await withScript([[.answer(head)]]) { client, server in
            let task = Task {
                var iterator = client.events("/e", options: fast()).makeAsyncIterator()
                return try await iterator.next()
            }
            try await eventually { !server.requests.isEmpty }
            task.cancel()
            let error = await #expect(throws: HTTPError.self) { _ = try await task.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test func theRetryTimeOfTheStreamIsHonoured() async throws {
        let delays = Mutex<[Duration]>([])
        try await withScript([[.answer(head + "retry: 1\ndata: a\n\n"), .close], [.answer("HTTP/1.1 204 No Content\r\n\r\n")]]) { client, _ in
            var options = EventSource.Options()
            options.retryDelay = .seconds(60)
            options.interrupted = { _, delay in delays.withLock { $0.append(delay) } }
            for try await _ in client.events("/e", options: options) {}
        }
        #expect(delays.withLock { $0.allSatisfy { $0 <= .milliseconds(1) } && $0.count == 1 })
    }

    @Test func waitsGrowWithinBounds() {
        let backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
        #expect((1...6).map { backoff.bound(attempt: $0) } == [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        #expect(Backoff(first: .seconds(5), longest: .seconds(1)).bound(attempt: 40) == .seconds(5))
        #expect(Backoff(first: .seconds(Int64.max / 2), longest: .seconds(1)).bound(attempt: 40) > .seconds(1))
        for attempt in 1...50 { #expect((.zero...backoff.bound(attempt: attempt)).contains(backoff.delay(attempt: attempt))) }
    }
}

/// Serves events from where a client left off, and breaks off after so many bytes.
private struct ScriptedStream: Sendable {
    let events: [String]
    let bytesPerConnection: Int

    init(_ events: [String], _ bytesPerConnection: Int) {
        self.events = events
        self.bytesPerConnection = bytesPerConnection
    }

    @Sendable func answer(_ request: Request) -> Response {
        let start = request.headers["Last-Event-ID"].flatMap(Int.init) ?? 0
        let bytes = Array(events[start...].joined().utf8.prefix(bytesPerConnection))
        return .events { stream in
            stream.push(Chunk(bytes))
            stream.finish()
        }
    }
}
