import BatonIO
import Glibc
import Synchronization
import Testing

@Suite("A channel")
struct ChannelTests {
    @Test("carries bytes both ways, ends each direction by itself, and closes when both have ended")
    func halfClose() async throws {
        try await withLoop { loop in
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in Echo() }
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            await loop.run {
                channel.write(Array("hello ".utf8))
                channel.append(Array("wor".utf8))
                channel.append(Array("ld".utf8))
                channel.flush()
                channel.closeOutput()
                #expect(!channel.write([0]))
            }
            #expect(await eventually { recorder.isClosed })
            #expect(recorder.hasInputEnded)
            #expect(recorder.error == nil)
            #expect(String(decoding: recorder.bytes, as: UTF8.self) == "hello world")
            #expect(await eventually { await loop.run { loop.channelCount == 0 } })
        }
    }

    @Test("stays open for writing after the peer has ended")
    func writingAfterEndOfInput() async throws {
        try await withLoop { loop in
            let server = Recorder()
            let accepted = Mutex<Channel?>(nil)
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { channel in
                accepted.withLock { $0 = channel }
                return server
            }
            let (client, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            await loop.run { client.closeOutput() }
            #expect(await eventually { server.hasInputEnded })
            let channel = try #require(accepted.withLock { $0 })
            await loop.run { channel.write([1, 2, 3]) }
            #expect(await eventually { recorder.bytes == [1, 2, 3] })
            #expect(!server.isClosed)
            await loop.run { channel.closeOutput() }
            #expect(await eventually { server.isClosed && recorder.isClosed })
        }
    }

    @Test("holds back for a slow reader: says so, keeps only what was written, and says when to go on")
    func watermarks() async throws {
        try await withLoop { loop in
            let server = Recorder()
            let accepted = Mutex<Channel?>(nil)
            var options = Listener.Options()
            options.channel.sendBuffer = 32 * 1024
            options.channel.notSentLowWatermark = 16 * 1024
            let listener = try await Listener(at: .loopback(port: 0), on: loop, options: options) { channel in
                accepted.withLock { $0 = channel }
                return server
            }
            let (client, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            #expect(await eventually { accepted.withLock { $0 != nil } })
            let channel = try #require(accepted.withLock { $0 })
            await loop.run { client.pauseReading() }

            let chunk = [UInt8](patterned: 100_000)
            var written = 0
            // What was refused may still move into the kernel's buffers; at some point they are full, and nothing moves any more.
            let isStuck = try await eventually {
                written += await loop.run {
                    guard channel.isWritable else { return 0 }
                    var count = 1
                    while channel.write(chunk) { count += 1 }
                    #expect(!channel.isWritable)
                    #expect(channel.backlog > 64 * 1024 && channel.backlog <= 64 * 1024 + chunk.count)
                    return count
                }
                try await loop.sleep(for: .milliseconds(50))
                return await loop.run { !channel.isWritable }
            }
            #expect(isStuck)
            #expect(written < 200)
            let drained = server.drainedCount
            await loop.run { client.resumeReading() }
            #expect(await eventually { recorder.bytes.count == written * chunk.count })
            #expect(server.drainedCount == drained + 1)
            #expect(await loop.run { channel.isWritable && channel.backlog == 0 })
            #expect(recorder.bytes == Array((0..<written).map { _ in chunk }.joined()))
        }
    }

    @Test("drops a reader that lets too much pile up, and says why")
    func maximumBacklog() async throws {
        try await withLoop { loop in
            let server = Recorder()
            var options = Listener.Options()
            options.channel.maximumBacklog = 256 * 1024
            options.channel.sendBuffer = 16 * 1024
            let accepted = Mutex<Channel?>(nil)
            let listener = try await Listener(at: .loopback(port: 0), on: loop, options: options) { channel in
                accepted.withLock { $0 = channel }
                return server
            }
            let client = try await Channel.connect(to: .address(listener.address), on: loop, deadline: .after(.seconds(5)))
            #expect(await eventually { accepted.withLock { $0 != nil } })
            let channel = try #require(accepted.withLock { $0 })
            let chunk = [UInt8](repeating: 1, count: 64 * 1024)
            let writes = await loop.run {
                var writes = 0
                while channel.isOpen, writes < 1000 {
                    channel.write(chunk)
                    writes += 1
                }
                return writes
            }
            #expect(writes < 1000)
            #expect(await eventually { server.isClosed })
            #expect(server.error?.code == .backlogExceeded)
            await loop.run { client.close() }
        }
    }

    @Test("reports a peer that breaks off as reset")
    func reset() async throws {
        try await withLoop { loop in
            let server = Recorder()
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in server }
            let port = try #require(listener.address.port)
            let peer = try PlainSocket(port: port)
            peer.send([1])
            #expect(await eventually { server.bytes == [1] })
            peer.abort()
            #expect(await eventually { server.isClosed })
            #expect(server.error?.code == .reset)
            #expect(!server.hasInputEnded)
        }
    }

    @Test("sends all it has before it closes, also to a peer that has sent what nobody reads")
    func closeAfterFlush() async throws {
        try await withLoop { loop in
            let message = [UInt8](patterned: 5_000_000)
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { channel in
                channel.write(message)
                channel.closeAfterFlush(by: .after(.seconds(20)))
                return Echo()
            }
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            await loop.run { channel.write([UInt8](repeating: 0, count: 1_000_000)) }
            #expect(await eventually { recorder.hasInputEnded })
            #expect(recorder.bytes == message)
            await loop.run { channel.closeOutput() }
            #expect(await eventually { recorder.isClosed })
            #expect(recorder.error == nil)
        }
    }

    @Test("closes at the deadline when the peer does not end")
    func closeAfterFlushDeadline() async throws {
        try await withLoop { loop in
            let server = Recorder()
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { channel in
                channel.closeAfterFlush(by: .after(.milliseconds(100)))
                return server
            }
            let peer = try PlainSocket(port: try #require(listener.address.port))
            #expect(await eventually { server.isClosed })
            #expect(server.error == nil)
            peer.abort()
        }
    }

    @Test("has a deadline that bytes trickling in do not move")
    func absoluteDeadline() async throws {
        try await withLoop { loop in
            let server = Recorder()
            let start = Deadline.now
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { channel in
                channel.deadline = .after(.milliseconds(400))
                return server
            }
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            #expect(
                await eventually {
                    await loop.run { channel.write([1]) }
                    return recorder.hasInputEnded || recorder.isClosed
                })
            #expect(server.error?.code == .timedOut)
            #expect(start.advanced(by: .milliseconds(400)).isPast)
        }
    }

    @Test("tells its handler nothing while the handler calls it")
    func noReentrance() async throws {
        final class Closer: ChannelHandler, Sendable {
            let depth = Atomic<Int>(0)
            let nested = Atomic<Bool>(false)
            let closed = Atomic<Bool>(false)

            func received(_ bytes: RawSpan, on channel: Channel) {
                depth.wrappingAdd(1, ordering: .relaxed)
                channel.close()
                depth.wrappingSubtract(1, ordering: .relaxed)
            }

            func inputEnded(on channel: Channel) {}

            func closed(_ channel: Channel, because error: IOError?) {
                if depth.load(ordering: .relaxed) > 0 { nested.store(true, ordering: .relaxed) }
                closed.store(true, ordering: .relaxed)
            }
        }
        try await withLoop { loop in
            let closer = Closer()
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in closer }
            let (channel, _) = try await Channel.recorded(to: .address(listener.address), on: loop)
            await loop.run { channel.write([1]) }
            #expect(await eventually { closer.closed.load(ordering: .relaxed) })
            let nested = closer.nested.load(ordering: .relaxed)
            #expect(!nested)
        }
    }

    @Test("gives two loops a conversation")
    func twoLoops() async throws {
        try await withLoop { first in
            try await withLoop { second in
                let listener = try await Listener(at: .loopback(port: 0), on: first) { _ in Echo() }
                let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: second)
                let message = [UInt8](patterned: 2_000_000)
                await second.run { channel.write(message) }
                #expect(await eventually { recorder.bytes.count == message.count })
                #expect(recorder.bytes == message)
            }
        }
    }
}

/// A blocking socket of the test's own, to misbehave with.
struct PlainSocket {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        try #require(connected == 0)
    }

    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(descriptor, bytes, bytes.count, 0)
    }

    /// Closes with a reset in place of an orderly end.
    func abort() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }
}
