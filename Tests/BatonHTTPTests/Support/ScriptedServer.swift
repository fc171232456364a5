import BatonIO
import Synchronization

@testable import BatonHTTP

/// A server that answers its connections, one after the other, with what a script says, however wrong that is.
final class ScriptedServer: Sendable {
    /// What is done with one connection.
    enum Step: Sendable {
        /// Sends this once a whole request has come.
        case answer(String)
        /// Closes once a whole request has come and all before has been sent.
        case close
        /// Breaks the connection off as soon as it is made.
        case refuse
    }

    private let state: Mutex<(script: [[Step]], requests: [String])>
    private let listener: Mutex<Listener?> = Mutex(nil)

    init(_ script: [[Step]]) { state = Mutex((script, [])) }

    /// Every request head received, in order.
    var requests: [String] { state.withLock { $0.requests } }

    func listen(on loop: EventLoop) async throws -> SocketAddress {
        let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in
            let steps = self.state.withLock { $0.script.isEmpty ? [.refuse] : $0.script.removeFirst() }
            if case .refuse = steps.first { return nil }
            return Conversation(self, steps)
        }
        self.listener.withLock { $0 = listener }
        return listener.address
    }

    func stop() async {
        await listener.withLock { $0 }?.stop()
    }

    fileprivate func note(_ request: String) { state.withLock { $0.requests.append(request) } }

    private final class Conversation: ChannelHandler {
        private let server: ScriptedServer
        private var steps: [Step]
        private var input = ""

        init(_ server: ScriptedServer, _ steps: [Step]) {
            self.server = server
            self.steps = steps
        }

        func received(_ bytes: RawSpan, on channel: Channel) {
            input += bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            guard input.contains("\r\n\r\n") else { return }
            server.note(input)
            input = ""
            while !steps.isEmpty {
                switch steps.removeFirst() {
                case .answer(let text):
                    channel.write(Array(text.utf8))
                    if case .answer = steps.first { return }
                case .close:
                    channel.closeAfterFlush(by: .after(.seconds(1)))
                    return
                case .refuse:
                    channel.close()
                    return
                }
            }
        }

        func inputEnded(on channel: Channel) { channel.close() }
        func closed(_ channel: Channel, because error: IOError?) {}
    }
}

/// Runs `body` with a scripted server and a client of it.
func withScript(
    _ script: [[ScriptedServer.Step]], client setUp: (inout HTTPClient.Configuration) -> Void = { _ in },
    _ body: (HTTPClient, ScriptedServer) async throws -> Void
) async throws {
    try await onLoop { loop in
        let server = ScriptedServer(script)
        var configuration = HTTPClient.Configuration()
        setUp(&configuration)
        let client = try HTTPClient("http://\(try await server.listen(on: loop))", configuration, on: loop)
        try await body(client, server)
        await client.close()
        await server.stop()
    }
}
