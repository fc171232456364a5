import BatonIO
import Foundation
import Synchronization
import Testing

@testable import BatonHTTP

/// A raw connection to a server under test: bytes out, bytes in, nothing else.
final class Wire: ChannelHandler, Sendable {
    struct State {
        var received: [UInt8] = []
        var ended = false
        var closed = false
    }

    let channel: Channel
    private let state = Mutex(State())

    /// Connects on the loop that the test runs on.
    init(to address: SocketAddress) async throws {
        let loop = try #require(EventLoop.current)
        channel = try await Channel.connect(to: .address(address), on: loop, deadline: .after(.seconds(5)))
        await channel.loop.run { self.channel.start(self) }
    }

    func received(_ bytes: RawSpan, on channel: Channel) {
        state.withLock { state in bytes.withUnsafeBytes { state.received.append(contentsOf: $0) } }
    }

    func inputEnded(on channel: Channel) {
        state.withLock { $0.ended = true }
        channel.close()
    }

    func closed(_ channel: Channel, because error: IOError?) { state.withLock { $0.closed = true } }

    func send(_ bytes: [UInt8]) async { _ = await channel.loop.run { self.channel.write(bytes) } }

    func send(_ text: String) async { await send(Array(text.utf8)) }

    func pause() async { await channel.loop.run { self.channel.pauseReading() } }

    func resume() async { await channel.loop.run { self.channel.resumeReading() } }

    func close() async { await channel.loop.run { self.channel.close() } }

    func closeOutput() async { await channel.loop.run { self.channel.closeOutput() } }

    var bytes: [UInt8] { state.withLock { $0.received } }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// Whether the server has ended the connection, in order or not.
    var hasEnded: Bool { state.withLock { $0.ended || $0.closed } }

    /// Everything received once `condition` holds for it.
    @discardableResult
    func text(within limit: Duration = .seconds(30), until condition: (String) -> Bool) async throws -> String {
        try await eventually(within: limit) { condition(text) }
        return text
    }

    /// The statuses of everything received up to the end of the connection.
    func statusesUntilEnd(within limit: Duration = .seconds(30)) async throws -> [String] {
        try await eventually(within: limit) { hasEnded }
        return statuses(in: text)
    }
}

func statuses(in text: String) -> [String] {
    text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }.filter { Int($0) != nil }
}

struct NotInTime: Error {}

/// Waits until `condition` holds.
func eventually(within limit: Duration = .seconds(30), _ condition: () async -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while !(await condition()) {
        guard ContinuousClock.now < end else { throw NotInTime() }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Runs `body` on a loop of its own: other tests, which may keep the shared threads busy for seconds, do not disturb its timing.
func onLoop<Value>(_ body: (EventLoop) async throws -> Value) async throws -> Value {
    let loop = try EventLoop(.init(name: "test"))
    do {
        let value = try await withTaskExecutorPreference(loop) {
            // What has not suspended since the preference was set is still where it was.
            await Task.yield()
            return try await body(loop)
        }
        await loop.shutdown()
        return value
    } catch {
        await loop.shutdown()
        throw error
    }
}

/// Runs `body` with a server on a free port of the loopback, and stops it.
func withServer(
    _ configure: (inout HTTPServer.Configuration) -> Void = { _ in }, observer: (any HTTPServerObserver)? = nil,
    handler: @escaping HTTPServer.Handler = echo, _ body: (HTTPServer, SocketAddress) async throws -> Void
) async throws {
    var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
    configure(&configuration)
    let server = try await HTTPServer(configuration, observer: observer, handler: handler)
    do {
        try await onLoop { _ in try await body(server, server.addresses[0]) }
    } catch {
        await server.drain(within: .zero)
        throw error
    }
    await server.drain(within: .seconds(1))
}

/// `/healthz` says ok, `/async` answers its body later, everything else its body now.
@Sendable func echo(_ request: Request) async throws -> Response {
    switch request.path {
    case "/healthz": return .text(200, "ok")
    case "/async":
        try await Task.sleep(for: .milliseconds(5))
        return Response(200, body: request.body)
    default: return Response(200, body: request.body)
    }
}

/// A number that several tasks see.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}
