import BatonIO
import Foundation
import Synchronization
import Testing

@testable import BatonHTTP

/// Keeps the streams that a handler opens, and why they ended.
final class Streams: HTTPServerObserver {
    private let state = Mutex<(open: [ResponseStream], ends: [ResponseStream.End])>(([], []))

    var open: [ResponseStream] { state.withLock { $0.open } }
    var ends: [ResponseStream.End] { state.withLock { $0.ends } }

    func add(_ stream: ResponseStream) {
        state.withLock { $0.open.append(stream) }
        stream.onClose { reason in
            self.state.withLock { state in
                state.ends.append(reason)
                state.open.removeAll { $0 === stream }
            }
        }
    }

    func requestFinished(_ record: RequestRecord) {}

    @Sendable func handle(_ request: Request) -> Response {
        .events(farewell: EventStreamEncoder.event(name: "bye", data: [])) { self.add($0) }
    }

    /// Pushes to all from the loop's thread, as a broadcaster does.
    func pushToAll(_ chunk: Chunk) async {
        let all = open
        guard let loop = all.first?.loop else { return }
        await loop.run { for stream in all { stream.push(chunk) } }
    }
}

private let follow = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"

@Suite(.timeLimit(.minutes(1))) struct StreamTests {
    @Test func sendsFramedChunksAndEnds() async throws {
        let streams = Streams()
        try await withServer(handler: streams.handle) { _, address in
            let wire = try await Wire(to: address)
            await wire.send(follow)
            try await eventually { streams.open.count == 1 }
            let stream = try #require(streams.open.first)
            #expect(stream.push(EventStreamEncoder.event(id: "1", data: [97])))
            await stream.loop.run { _ = stream.push(EventStreamEncoder.event(id: "2", data: [98])) }
            stream.finish(with: EventStreamEncoder.event(id: "3", data: [99]))
            try await eventually { wire.hasEnded }
            #expect(wire.text.contains("Content-Type: text/event-stream\r\n"))
            #expect(wire.text.contains("Transfer-Encoding: chunked\r\n"))
            let body = wire.text.split(separator: "\r\n\r\n", maxSplits: 1).last ?? ""
            #expect(body == "f\r\nid: 1\ndata: a\n\n\r\nf\r\nid: 2\ndata: b\n\n\r\nf\r\nid: 3\ndata: c\n\n\r\n0\r\n\r\n")
            try await eventually { streams.ends == [.finished] }
            #expect(!stream.isOpen)
            #expect(!stream.push(EventStreamEncoder.comment("late")))
            let error = await #expect(throws: HTTPError.self) { try await stream.write(EventStreamEncoder.comment("late")) }
            #expect(error?.code == .closed)
        }
    }

    @Test func httpOneZeroGetsNoChunks() async throws {
        let streams = Streams()
        try await withServer(handler: streams.handle) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("GET /events HTTP/1.0\r\n\r\n")
            try await eventually { streams.open.count == 1 }
            streams.open.first?.finish(with: EventStreamEncoder.event(data: [97]))
            try await eventually { wire.hasEnded }
            #expect(!wire.text.contains("Transfer-Encoding"))
            #expect(wire.text.hasSuffix("\r\n\r\ndata: a\n\n"))
        }
    }

    @Test func vanishedFollowersAreNoticedWithoutAWrite() async throws {
        let streams = Streams()
        try await withServer(handler: streams.handle) { server, address in
            var wires: [Wire] = []
            for _ in 0..<100 {
                let wire = try await Wire(to: address)
                await wire.send(follow)
                wires.append(wire)
            }
            try await eventually { streams.open.count == 100 }
            for wire in wires.prefix(75) { await wire.close() }
            try await eventually { await server.streamCount() == 25 && streams.open.count == 25 }
            #expect(streams.ends == [ResponseStream.End](repeating: .clientClosed, count: 75))
            for wire in wires.suffix(25) { await wire.close() }
        }
    }

    @Test func stuckReadersAreDroppedAndTheOthersGetEverything() async throws {
        let streams = Streams()
        try await withServer(handler: streams.handle) { server, address in
            var stuck: [Wire] = []
            for _ in 0..<20 {
                let wire = try await Wire(to: address)
                await wire.pause()
                await wire.send(follow)
                stuck.append(wire)
            }
            let reader = try await Wire(to: address)
            await reader.send(follow)
            try await eventually { streams.open.count == 21 }
            let chunk = EventStreamEncoder.event(data: [UInt8](repeating: 97, count: 16 * 1024))
            var pushed = 0
            var largest = 0
            let end = ContinuousClock.now + .seconds(10)
            while streams.open.count > 1, ContinuousClock.now < end {
                await streams.pushToAll(chunk)
                pushed += 1
                let loop = server.loops[0]
                let open = streams.open
                largest = max(largest, await loop.run { open.map(\.backlog).max() ?? 0 })
                let target = pushed * 16 * 1024
                try await eventually { reader.bytes.count > target }
            }
            #expect(streams.ends == [ResponseStream.End](repeating: .slowReader, count: 20))
            // The cap, the push that went over it, and its framing.
            #expect(largest <= 256 * 1024 + 17 * 1024)
            // What the kernels of both sides hold hides some of it, but not megabytes beyond the receiver's own buffer.
            #expect(pushed * 16 < 8 * 1024)
            #expect(await server.streamCount() == 1)
            await reader.close()
        }
    }

    @Test func aReaderThatTakesNothingIsDroppedInTime() async throws {
        let streams = Streams()
        try await withServer {
            $0.writeTimeout = .milliseconds(300)
        } handler: {
            streams.handle($0)
        } _: { server, address in
            let wire = try await Wire(to: address)
            await wire.pause()
            await wire.send(follow)
            try await eventually { streams.open.count == 1 }
            // Enough to fill the buffers of both kernels, and not enough for the cap.
            let chunk = EventStreamEncoder.event(data: [UInt8](repeating: 97, count: 64 * 1024))
            for _ in 0..<1000 {
                guard let stream = streams.open.first, await stream.loop.run({ stream.backlog }) == 0 else { break }
                await streams.pushToAll(chunk)
            }
            try await eventually { !streams.ends.isEmpty }
            #expect(streams.ends == [.stalled])
            try await eventually { await server.connectionCount() == 0 }
        }
    }

    /// From elsewhere, and from a task that prefers the stream's own loop, as handlers do.
    @Test(arguments: [false, true])
    func writingWaitsForTheReader(_ isOnLoop: Bool) async throws {
        let streams = Streams()
        try await withServer(handler: streams.handle) { _, address in
            let wire = try await Wire(to: address)
            await wire.pause()
            await wire.send(follow)
            try await eventually { streams.open.count == 1 }
            let stream = try #require(streams.open.first)
            let count = 600
            let chunk = EventStreamEncoder.event(data: [UInt8](repeating: 97, count: 16 * 1024))
            let written = Counter()
            let done = Task(executorPreference: isOnLoop ? stream.loop : EventLoop.current) {
                for _ in 0..<count {
                    try await stream.write(chunk)
                    written.add()
                }
            }
            // It comes to a halt with little waiting here.
            var before = -1
            while before != written.value {
                before = written.value
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(before < count)
            #expect(await stream.loop.run { stream.backlog } <= 64 * 1024 + 17 * 1024)
            await wire.resume()
            try await done.value
            try await eventually { wire.bytes.count > count * 16 * 1024 }
            #expect(stream.isOpen)
            await wire.close()
        }
    }

    @Test func aCancelledWriterReturnsAndTheStreamLives() async throws {
        let streams = Streams()
        try await withServer(handler: streams.handle) { _, address in
            let wire = try await Wire(to: address)
            await wire.pause()
            await wire.send(follow)
            try await eventually { streams.open.count == 1 }
            let stream = try #require(streams.open.first)
            let task = Task {
                let chunk = EventStreamEncoder.event(data: [UInt8](repeating: 97, count: 64 * 1024))
                while true { try await stream.write(chunk) }
            }
            try await eventually { await stream.loop.run { stream.backlog } > 0 }
            task.cancel()
            let error = await #expect(throws: HTTPError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(stream.isOpen)
            await wire.close()
            try await eventually { streams.ends == [.clientClosed] }
        }
    }

    @Test func silentStreamsBeat() async throws {
        let streams = Streams()
        try await withServer {
            $0.heartbeat = .milliseconds(100)
        } handler: {
            streams.handle($0)
        } _: { _, address in
            var wires: [Wire] = []
            for _ in 0..<10 {
                let wire = try await Wire(to: address)
                await wire.send(follow)
                wires.append(wire)
            }
            for wire in wires { try await wire.text { $0.components(separatedBy: "6\r\n: hb\n\n\r\n").count >= 3 } }
            for wire in wires { await wire.close() }
        }
    }

    @Test func aTalkativeStreamDoesNotBeat() async throws {
        let streams = Streams()
        try await withServer {
            $0.heartbeat = .milliseconds(400)
        } handler: {
            streams.handle($0)
        } _: { _, address in
            let wire = try await Wire(to: address)
            await wire.send(follow)
            try await eventually { streams.open.count == 1 }
            for _ in 0..<60 {
                await streams.pushToAll(EventStreamEncoder.event(data: [97]))
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(!wire.text.contains(": hb"))
            await wire.close()
        }
    }

    @Test func pushesFromManyThreadsArriveOnceAndInOrder() async throws {
        let streams = Streams()
        try await withServer(handler: streams.handle) { _, address in
            let wire = try await Wire(to: address)
            await wire.send(follow)
            try await eventually { streams.open.count == 1 }
            let stream = try #require(streams.open.first)
            await withTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<200 { stream.push(EventStreamEncoder.event(data: Array("\(writer):\(number)".utf8))) }
                    }
                }
            }
            stream.finish()
            try await eventually { wire.hasEnded }
            let lines = wire.text.components(separatedBy: "data: ").dropFirst().map { $0.prefix { !$0.isNewline } }
            #expect(lines.count == 800)
            for writer in 0..<4 {
                let inOrder = lines.filter { $0.hasPrefix("\(writer):") } == (0..<200).map { "\(writer):\($0)"[...] }
                #expect(inOrder)
            }
        }
    }
}
