import BatonIO
import Synchronization

@testable import BatonRedisClient

/// A server that does what a test tells it to: it reads commands and answers with the bytes the script gives, whole or in pieces, late,
/// never, or by hanging up.
final class FakeRedis: Sendable {
    /// What to do about a command.
    enum Reaction: Sendable {
        case send([UInt8])
        case reply(Value)
        /// One write for each byte.
        case dribble(Value)
        case later(Duration, Value)
        /// When the condition holds.
        case once(@Sendable () -> Bool, Value)
        case nothing
        /// Takes nothing more.
        case stopReading
        case hangUp
        /// Ends its output and keeps reading.
        case halfClose
        case sendThenHangUp([UInt8])
    }

    /// A command as it arrived: on which connection, the how-manieth on it, its words.
    struct Request: Sendable {
        let connection: Int
        let words: [String]
        var name: String { words.first?.uppercased() ?? "" }
    }

    private struct State {
        var connections = 0
        var open: [Int: Channel] = [:]
        var requests: [Request] = []
    }

    private let state = Mutex(State())
    private let script: @Sendable (Request) -> Reaction
    private let loop: EventLoop
    private let listener: Mutex<Listener?> = Mutex(nil)

    private init(loop: EventLoop, script: @escaping @Sendable (Request) -> Reaction) {
        self.loop = loop
        self.script = script
    }

    /// Starts a server for the time of `body`. `script` is asked about every command but those of the handshake.
    static func with<Value>(
        handshake: Bool = true, _ script: @escaping @Sendable (Request) -> Reaction, _ body: (FakeRedis) async throws -> Value
    ) async throws -> Value {
        let loop = try EventLoop(.init(name: "fake-redis"))
        let fake = FakeRedis(loop: loop) { request in
            guard handshake else { return script(request) }
            switch request.name {
            case "HELLO":
                return .reply(
                    .map([
                        .text("proto"), .integer(3), .text("version"), .text("7.0.0"), .text("mode"), .text("standalone"), .text("id"), .integer(1),
                    ]))
            case "CLIENT", "SELECT", "READONLY": return .reply(.simple("OK"))
            case "ROLE": return .reply(.array([.text("master"), .integer(0), .array([])]))
            default: return script(request)
            }
        }
        let listener = try await Listener(at: .loopback(port: 0), on: loop) { channel in fake.accept(channel) }
        fake.listener.withLock { $0 = listener }
        do {
            let value = try await body(fake)
            await loop.shutdown()
            return value
        } catch {
            await loop.shutdown()
            throw error
        }
    }

    var port: UInt16 { listener.withLock { $0?.address.port ?? 0 } }
    /// Connections accepted so far.
    var connections: Int { state.withLock { $0.connections } }
    /// Connections open now.
    var openConnections: Int { state.withLock { $0.open.count } }
    /// Commands that arrived so far, those of handshakes included.
    var requests: [Request] { state.withLock { $0.requests } }

    /// Hangs up on everybody.
    func hangUp() async {
        await loop.run { for channel in self.state.withLock({ Array($0.open.values) }) { channel.close() } }
    }

    private func accept(_ channel: Channel) -> any ChannelHandler {
        let number = state.withLock { state in
            state.connections += 1
            state.open[state.connections] = channel
            return state.connections
        }
        return Conversation(number: number, server: self)
    }

    /// One connection. Touched on the loop's thread only.
    private final class Conversation: ChannelHandler {
        let number: Int
        let server: FakeRedis
        var decoder = RESPDecoder()
        /// Replies go out in order: those after a late one wait for it.
        var due: [[[UInt8]]?] = []
        /// How many replies have gone out.
        var first = 0

        init(number: Int, server: FakeRedis) {
            self.number = number
            self.server = server
        }

        func received(_ bytes: RawSpan, on channel: Channel) {
            bytes.withUnsafeBytes { decoder.append($0) }
            while case .reply(let command)? = try? decoder.next() {
                let request = Request(connection: number, words: command.elements?.map { $0.string ?? "" } ?? [])
                server.state.withLock { $0.requests.append(request) }
                react(server.script(request), on: channel)
            }
        }

        private func react(_ reaction: Reaction, on channel: Channel) {
            switch reaction {
            case .send(let bytes): channel.write(bytes)
            case .reply(let value): answer([value.wire], on: channel)
            case .dribble(let value): answer(value.wire.map { [$0] }, on: channel)
            case .later(let delay, let value):
                let place = first + due.count
                due.append(nil)
                channel.loop.schedule(after: delay) {
                    self.due[place - self.first] = [value.wire]
                    self.settle(on: channel)
                }
            case .once(let condition, let value):
                let place = first + due.count
                due.append(nil)
                settle(place, with: value, once: condition, on: channel)
            case .nothing: break
            case .stopReading: channel.pauseReading()
            case .hangUp: channel.close()
            case .halfClose: channel.closeOutput()
            case .sendThenHangUp(let bytes):
                channel.write(bytes)
                channel.close()
            }
        }

        private func settle(_ place: Int, with value: Value, once condition: @escaping @Sendable () -> Bool, on channel: Channel) {
            guard condition() else {
                channel.loop.schedule(after: .milliseconds(2)) { self.settle(place, with: value, once: condition, on: channel) }
                return
            }
            due[place - first] = [value.wire]
            settle(on: channel)
        }

        private func answer(_ pieces: [[UInt8]], on channel: Channel) {
            due.append(pieces)
            settle(on: channel)
        }

        private func settle(on channel: Channel) {
            while let next = due.first, let pieces = next {
                due.removeFirst()
                first += 1
                for piece in pieces { channel.write(piece) }
            }
        }

        func inputEnded(on channel: Channel) { channel.close() }
        func closed(_ channel: Channel, because error: IOError?) { server.state.withLock { $0.open[number] = nil } }
    }
}
