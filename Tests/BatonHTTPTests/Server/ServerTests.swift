import BatonIO
import Foundation
import Synchronization
import Testing

@testable import BatonHTTP

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    /// Every case of the corpus over a real socket: what the parser says is what a client sees, and nothing after a refusal is answered.
    @Test func answersTheCorpus() async throws {
        try await withServer {
            $0.lingerTimeout = .milliseconds(50)
        } _: { _, address in
            for item in RequestCase.all where !item.answers.isEmpty {
                let wire = try await Wire(to: address)
                await wire.send(item.bytes)
                let statuses = item.answers.filter { $0 != "close" }
                if item.answers.last == "close" {
                    #expect(try await wire.statusesUntilEnd() == statuses, "\(item.name)")
                } else {
                    let got = try? await wire.text { BatonHTTPTests.statuses(in: $0).count == statuses.count }
                    #expect(got != nil && BatonHTTPTests.statuses(in: wire.text) == statuses, "\(item.name): \(wire.text)")
                    #expect(!wire.hasEnded, "\(item.name)")
                }
                await wire.close()
            }
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await withServer { _, address in
            let wire = try await Wire(to: address)
            await wire.send(
                ["A", "B", "C"].map { "POST /async HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n\($0)" }.joined())
            let text = try await wire.text { statuses(in: $0).count == 3 && $0.hasSuffix("C") }
            #expect(text.components(separatedBy: "\r\n\r\n").dropFirst().map { $0.prefix(1) } == ["A", "B", "C"])
        }
    }

    @Test func writesFramingItself() async throws {
        try await withServer(handler: { _ in
            Response(
                201, headers: ["Content-Length": "999", "Connection": "x", "Transfer-Encoding": "y", "X-Own": "1"], parts: [[97], [], [98, 99]])
        }) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            try await eventually { wire.hasEnded }
            let text = wire.text
            #expect(text.hasPrefix("HTTP/1.1 201 Created\r\nDate: "))
            #expect(text.contains("\r\nX-Own: 1\r\n"))
            #expect(text.contains("\r\nContent-Length: 3\r\n"))
            #expect(text.hasSuffix("\r\nConnection: close\r\n\r\nabc"))
            #expect(!text.contains("999") && !text.contains("Transfer-Encoding") && !text.contains("Server:"))
        }
    }

    @Test func headHasLengthButNoBody() async throws {
        try await withServer(handler: { _ in .text(200, "hello") }) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            try await eventually { wire.hasEnded }
            #expect(wire.text.hasSuffix("\r\n\r\nhello"))
            #expect(wire.text.contains("Content-Length: 5\r\n\r\nHTTP/1.1 200 OK"))
        }
    }

    @Test func noContentHasNoLength() async throws {
        try await withServer(handler: { _ in Response(204, body: [1, 2]) }) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            try await eventually { wire.hasEnded }
            #expect(!wire.text.contains("Content-Length"))
            #expect(wire.text.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func thrownErrorsAreAnswered() async throws {
        struct Secret: Error {}
        try await withServer(handler: { request in
            if request.path == "/known" { throw HTTPError(.tooLarge, "too much", status: 413) }
            throw Secret()
        }) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("GET /known HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(try await wire.statusesUntilEnd() == ["413", "500"])
            #expect(!wire.text.contains("Secret"))
        }
    }

    @Test func aVanishedClientCancelsItsHandler() async throws {
        let cancelled = Atomic<Int>(0)
        try await withServer(handler: { _ in
            await withTaskCancellationHandler {
                try? await Task.sleep(for: .seconds(30))
            } onCancel: {
                cancelled.add(1, ordering: .relaxed)
            }
            return .text(200, "late")
        }) { server, address in
            let wire = try await Wire(to: address)
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try await eventually { await server.connectionCount() == 1 }
            try await Task.sleep(for: .milliseconds(20))
            await wire.close()
            try await eventually { cancelled.load(ordering: .relaxed) == 1 }
            try await eventually { await server.connectionCount() == 0 }
        }
    }

    @Test func handlersRunOnTheLoop() async throws {
        try await withServer(handler: { _ in
            let before = EventLoop.current != nil
            try await Task.sleep(for: .milliseconds(1))
            return .text(before && EventLoop.current != nil ? 200 : 500, "")
        }) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(try await wire.statusesUntilEnd() == ["200"])
        }
    }

    @Test func aLargeBodyComesBackWhole() async throws {
        try await withServer { _, address in
            let wire = try await Wire(to: address)
            let body = (0..<8 * 1024 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            await wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\r\n")
            await wire.send(body)
            try await eventually(within: .seconds(20)) { wire.hasEnded }
            #expect(wire.bytes.count > body.count)
            #expect(Array(wire.bytes.suffix(body.count)) == body)
        }
    }

    @Test func observersSeeEveryRequest() async throws {
        final class Log: HTTPServerObserver {
            let lines = Mutex<[String]>([])
            func requestFinished(_ record: RequestRecord) {
                lines.withLock {
                    $0.append("\(record.method) \(record.path) \(record.route) \(record.status.code) \(record.requestBytes) \(record.requestID)")
                }
            }
        }
        let log = Log()
        try await withServer(
            observer: log,
            handler: { request in
                var response = Response(200, body: request.body)
                response.route = "echo"
                response.requestID = "r1"
                return response
            }
        ) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("POST /x?secret=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabbad\r\n\r\n")
            #expect(try await wire.statusesUntilEnd() == ["200", "400"])
        }
        #expect(log.lines.withLock { $0 } == ["POST /x echo 200 2 r1", "   400 0 "])
    }
}
