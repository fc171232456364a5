import BatonIO
import Testing

@testable import BatonHTTP

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

@Suite(.timeLimit(.minutes(1))) struct MisbehavingServerTests {
    @Test(arguments: [
        ("", HTTPError.Code.connectionClosed), ("garbage\r\n\r\n", .malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", .connectionClosed),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .malformed),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", .connectionClosed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", .malformed), ("HTTP/1.1 200 O", .connectionClosed),
        ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", .malformed), ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", .tooLarge),
    ])
    func aBadAnswerIsAnError(_ answer: String, _ code: HTTPError.Code) async throws {
        try await withScript([[.answer(answer), .close]]) { client, _ in
            let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, "/")) }
            #expect(error?.code == code)
            #expect(error?.requestWasSent == true)
        }
    }

    @Test func aServerThatSaysNothingRunsIntoTheDeadline() async throws {
        try await withScript([[.answer("")]]) { client, _ in
            let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, "/"), by: .after(.milliseconds(100))) }
            #expect(error?.code == .timedOut)
        }
    }

    @Test func aKeptConnectionThatDiedIsReplacedForWhatMayBeRepeated() async throws {
        try await withScript([[.answer(ok), .close], [.answer(ok)]]) { client, server in
            let first = try await client.send(Request(.get, "/1")).text
            #expect(first == "ok")
            // The server closes while the connection is idle, or while this is under way; either way it is answered.
            let second = try await client.send(Request(.get, "/2")).text
            #expect(second == "ok")
            #expect(server.requests.count == 2)
        }
    }

    @Test func whatMustNotBeRepeatedIsSentOnce() async throws {
        try await withScript([[.answer(ok), .refuse], [.answer(ok)]]) { client, server in
            let first = try await client.send(Request(.get, "/1")).text
            #expect(first == "ok")
            do {
                // Sent on the kept connection, on which the server breaks off: unknown whether it was carried out.
                _ = try await client.send(Request(.post, "/2", body: [1]))
            } catch let error as HTTPError {
                #expect(error.code == .connectionClosed)
            }
            #expect(server.requests.filter { $0.hasPrefix("POST") }.count <= 1)
        }
    }

    @Test func aSecondAnswerClosesTheConnection() async throws {
        try await withScript([[.answer(ok + ok)], [.answer(ok)]]) { client, server in
            let first = try await client.send(Request(.get, "/1")).text
            #expect(first == "ok")
            let second = try await client.send(Request(.get, "/2")).text
            #expect(second == "ok")
            #expect(server.requests.count == 2)
        }
    }

    @Test func aBodyCutOffIsAnErrorAfterWhatCame() async throws {
        try await withScript([[.answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), .close]]) { client, _ in
            let reply = try await client.stream(Request(.get, "/"))
            var text = ""
            let error = await #expect(throws: HTTPError.self) {
                for try await piece in reply.body { text += String(decoding: piece, as: UTF8.self) }
            }
            #expect(text == "abc")
            #expect(error?.code == .connectionClosed)
        }
    }
}
