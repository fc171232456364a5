import BatonIO
import Synchronization
import Testing

@testable import BatonHTTP

@Suite(.timeLimit(.minutes(1))) struct RobustnessTests {
    @Test func silentAndHalfHeadedConnectionsAreClosed() async throws {
        try await withServer {
            $0.requestTimeout = .milliseconds(300)
        } _: { server, address in
            let silent = try await Wire(to: address)
            let half = try await Wire(to: address)
            await half.send("GET / HTTP/1.1\r\nHo")
            try await eventually { silent.hasEnded && half.hasEnded }
            #expect(silent.text.isEmpty)
            #expect(statuses(in: half.text) == ["408"])
            try await eventually { await server.connectionCount() == 0 }
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: x\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"])
    func tricklingDoesNotExtendTheDeadline(_ start: String) async throws {
        try await withServer {
            $0.requestTimeout = .milliseconds(500)
        } _: { _, address in
            let wire = try await Wire(to: address)
            await wire.send(start)
            let begin = ContinuousClock.now
            while !wire.hasEnded, ContinuousClock.now - begin < .seconds(30) {
                await wire.send("X")
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(wire.hasEnded)
            #expect(statuses(in: wire.text) == ["408"])
        }
    }

    @Test func idleConnectionsAreClosed() async throws {
        try await withServer {
            $0.idleTimeout = .milliseconds(200)
        } _: { _, address in
            let wire = try await Wire(to: address)
            await wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            try await wire.text { $0.hasSuffix("ok") }
            #expect(try await wire.statusesUntilEnd() == ["200"])
        }
    }

    @Test func aClientThatTakesNoAnswerIsClosed() async throws {
        try await withServer {
            $0.writeTimeout = .milliseconds(300)
            $0.lingerTimeout = .milliseconds(100)
        } handler: { _ in
            Response(200, body: [UInt8](repeating: 97, count: 32 * 1024 * 1024))
        } _: { server, address in
            let wire = try await Wire(to: address)
            await wire.pause()
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try await eventually { await server.connectionCount() == 1 }
            try await eventually { await server.connectionCount() == 0 }
            await wire.close()
        }
    }

    @Test func aSlowClientHasItsTimeAsLongAsItTakesSomething() async throws {
        let size = 16 * 1024 * 1024
        try await withServer {
            $0.writeTimeout = .milliseconds(600)
            $0.idleTimeout = .milliseconds(600)
        } handler: { _ in
            Response(200, body: [UInt8](repeating: 97, count: size))
        } _: { _, address in
            for connection in ["keep-alive", "close"] {
                let wire = try await Wire(to: address)
                await wire.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: \(connection)\r\n\r\n")
                let begin = ContinuousClock.now
                while ContinuousClock.now - begin < .milliseconds(1800), !wire.hasEnded, wire.bytes.count < size {
                    await wire.pause()
                    try await Task.sleep(for: .milliseconds(60))
                    await wire.resume()
                    try await Task.sleep(for: .milliseconds(1))
                }
                try await eventually { wire.bytes.count > size || wire.hasEnded }
                #expect(wire.bytes.count > size, "\(connection)")
                await wire.close()
            }
        }
    }

    @Test func connectionsAreBounded() async throws {
        try await withServer {
            $0.maximumConnections = 5
        } _: { server, address in
            var wires: [Wire] = []
            for _ in 0..<10 {
                let wire = try await Wire(to: address)
                await wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                wires.append(wire)
            }
            try await eventually { wires.filter { $0.text.hasSuffix("ok") }.count == 5 }
            #expect(await server.connectionCount() == 5)
            // Those that wait are served as soon as there is room.
            for wire in wires where wire.text.hasSuffix("ok") { await wire.close() }
            try await eventually { wires.allSatisfy { $0.text.hasSuffix("ok") } }
            for wire in wires { await wire.close() }
        }
    }

    @Test func pipeliningIsBoundedWhileAnAnswerIsInTheMaking() async throws {
        let release = AsyncStream<Void>.makeStream()
        try await withServer(handler: { request in
            if request.path == "/wait" { for await _ in release.stream { break } }
            return .text(200, "ok")
        }) { _, address in
            let wire = try await Wire(to: address)
            await wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            let request = Array("GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 1000))\r\n\r\n".utf8)
            // More than all kernel buffers take: the server has to stop reading, not to collect.
            let flood = [UInt8]((0..<10_000).map { _ in request }.joined())
            await wire.send(flood)
            try await Task.sleep(for: .milliseconds(200))
            #expect(await wire.channel.loop.run { wire.channel.backlog } > 0)
            release.continuation.finish()
            try await eventually(within: .seconds(30)) { wire.bytes.count > 10_000 * 50 }
            await wire.close()
        }
    }

    @Test func drainFinishesRequestsAndStreamsAndClosesTheRest() async throws {
        let streams = Streams()
        let started = Atomic<Int>(0)
        try await withServer {
            $0.lingerTimeout = .milliseconds(100)
        } handler: { request in
            if request.path == "/events" { return streams.handle(request) }
            if request.path == "/slow" {
                started.add(1, ordering: .relaxed)
                try await Task.sleep(for: .milliseconds(300))
            }
            return .text(200, "done")
        } _: { server, address in
            var slow: [Wire] = []
            var followers: [Wire] = []
            for _ in 0..<50 {
                let wire = try await Wire(to: address)
                await wire.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
                slow.append(wire)
            }
            for _ in 0..<20 {
                let wire = try await Wire(to: address)
                await wire.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
                followers.append(wire)
            }
            let idle = try await Wire(to: address)
            try await eventually { started.load(ordering: .relaxed) == 50 && streams.open.count == 20 }
            let aborted = await server.drain(within: .seconds(60))
            #expect(aborted == 0)
            try await eventually { slow.allSatisfy(\.hasEnded) && followers.allSatisfy(\.hasEnded) && idle.hasEnded }
            #expect(slow.allSatisfy { $0.text.contains("Connection: close\r\n") && $0.text.hasSuffix("done") })
            #expect(followers.allSatisfy { $0.text.hasSuffix("event: bye\ndata: \n\n\r\n0\r\n\r\n") })
            #expect(streams.ends == [ResponseStream.End](repeating: .drained, count: 20))
            #expect(idle.text.isEmpty)
            await #expect(throws: IOError.self) { _ = try await Wire(to: address) }
        }
    }

    @Test func drainHasAHardLimit() async throws {
        let cancelled = Atomic<Bool>(false)
        try await withServer(handler: { _ in
            try? await Task.sleep(for: .seconds(30))
            cancelled.store(Task.isCancelled, ordering: .relaxed)
            return .text(200, "late")
        }) { server, address in
            let wire = try await Wire(to: address)
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try await eventually { await server.connectionCount() == 1 }
            let begin = ContinuousClock.now
            #expect(await server.drain(within: .milliseconds(200)) == 1)
            #expect(ContinuousClock.now - begin < .seconds(25), "the handler alone would take 30 s")
            try await eventually { wire.hasEnded && cancelled.load(ordering: .relaxed) }
        }
    }

    @Test func drainingTwiceAtOnceEndsBoth() async throws {
        try await withServer(handler: { _ in
            try await Task.sleep(for: .milliseconds(100))
            return .text(200, "done")
        }) { server, address in
            let wire = try await Wire(to: address)
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try await eventually { await server.connectionCount() == 1 }
            async let first = server.drain(within: .seconds(5))
            async let second = server.drain(within: .seconds(5))
            let aborted = await [first, second]
            #expect(aborted == [0, 0])
        }
    }

    @Test func severalLoopsShareThePort() async throws {
        try await withServer {
            $0.loopCount = 3
        } _: { server, address in
            #expect(server.loops.count == 3)
            for _ in 0..<30 {
                let wire = try await Wire(to: address)
                await wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                #expect(try await wire.statusesUntilEnd() == ["200"])
            }
        }
    }
}
