import BatonIO
import Synchronization
import Testing

/// Runs `body` with a loop that is shut down afterwards.
func withLoop<Value>(_ configuration: EventLoop.Configuration = .init(), _ body: (EventLoop) async throws -> Value) async throws -> Value {
    let loop = try EventLoop(configuration)
    do {
        let value = try await body(loop)
        await loop.shutdown()
        return value
    } catch {
        await loop.shutdown()
        throw error
    }
}

/// Waits until `condition` holds; false when it does not within `limit`.
func eventually(within limit: Duration = .seconds(30), sleepingOn loop: EventLoop? = nil, _ condition: () async throws -> Bool) async rethrows -> Bool
{
    let deadline = Deadline.after(limit)
    while true {
        if try await condition() { return true }
        if deadline.isPast { return false }
        if let loop { try? await loop.sleep(for: .milliseconds(2)) } else { try? await Task.sleep(for: .milliseconds(2)) }
    }
}

/// Sends back what it receives.
final class Echo: ChannelHandler {
    func received(_ bytes: RawSpan, on channel: Channel) {
        channel.write(Array(bytes))
    }

    func inputEnded(on channel: Channel) {
        channel.closeOutput()
    }

    func closed(_ channel: Channel, because error: IOError?) {}
}

/// Keeps what it is told. Sendable: a lock around all of it.
final class Recorder: ChannelHandler, Sendable {
    struct Record {
        var bytes: [UInt8] = []
        var inputEnded = false
        var drained = 0
        var closed = false
        var error: IOError?
    }

    let record = Mutex(Record())

    var bytes: [UInt8] { record.withLock { $0.bytes } }
    var hasInputEnded: Bool { record.withLock { $0.inputEnded } }
    var isClosed: Bool { record.withLock { $0.closed } }
    var error: IOError? { record.withLock { $0.error } }
    var drainedCount: Int { record.withLock { $0.drained } }

    func received(_ bytes: RawSpan, on channel: Channel) {
        let bytes = Array(bytes)
        record.withLock { $0.bytes += bytes }
    }

    func inputEnded(on channel: Channel) {
        record.withLock { $0.inputEnded = true }
    }

    func drained(_ channel: Channel) {
        record.withLock { $0.drained += 1 }
    }

    func closed(_ channel: Channel, because error: IOError?) {
        record.withLock {
            #expect(!$0.closed)
            $0.closed = true
            $0.error = error
        }
    }
}

/// The error `body` throws; records an issue when it throws none.
func failure(of body: () async throws -> some Any, sourceLocation: SourceLocation = #_sourceLocation) async -> IOError? {
    do {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error as? IOError
    }
}

extension Array where Element == UInt8 {
    /// `count` bytes that repeat with a period that no buffer size is a multiple of.
    init(patterned count: Int) {
        self = (0..<count).map { UInt8(truncatingIfNeeded: $0 % 251) }
    }

    /// A copy of `span`.
    init(_ span: RawSpan) {
        self = span.withUnsafeBytes { Array($0) }
    }
}

extension Channel {
    /// Connects, and records what comes back.
    static func recorded(to endpoint: Endpoint, on loop: EventLoop, tls: TLSClientContext? = nil, options: Options = Options()) async throws -> (
        Channel, Recorder
    ) {
        let channel = try await connect(to: endpoint, on: loop, tls: tls, options: options, deadline: .after(.seconds(10)))
        let recorder = Recorder()
        await loop.run { channel.start(recorder) }
        return (channel, recorder)
    }
}
