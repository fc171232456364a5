import Baton
import BatonCore
import BatonTesting
import Glibc
import Testing

@Suite("Daemons on a Redis that goes away, and daemons that go away", .timeLimit(.minutes(3)))
struct DaemonFaultTests {
    /// `baton serve` as a process of its own.
    private final class DaemonProcess {
        private(set) var process: ChildProcess
        let url: String
        private let store: String

        init(_ store: String) async throws {
            self.store = store
            process = try Self.launch("127.0.0.1:0", store)
            url = try await Self.address(of: process)
        }

        /// A crash, and a start at the same address.
        func crash() async throws {
            process.send(signal: SIGKILL)
            await process.exit()
            process = try Self.launch(String(url.dropFirst("http://".count)), store)
            _ = try await Self.address(of: process)
        }

        private static func launch(_ address: String, _ store: String) throws -> ChildProcess {
            try ChildProcess(BuiltProduct.path("baton"), ["serve", "--log-level", "info", "--listen", address, "--store", store])
        }

        private static func address(of process: ChildProcess) async throws -> String {
            var found: String?
            try await eventually("the daemon listens") {
                found = DaemonFaultTests.lines(process).first { $0.hasPrefix("listening on ") }.map { String($0.dropFirst("listening on ".count)) }
                return found != nil || process.status != nil
            }
            return try #require(found, "\(String(decoding: process.errors, as: UTF8.self))")
        }
    }

    private static func lines(_ process: ChildProcess) -> [String] {
        String(decoding: process.errors, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Follows a topic through a store of its own until it is cancelled, and keeps what it saw.
    private final class Follower: Sendable {
        private let seen = Guarded<[Int]>([])
        private let task: Task<Void, any Error>

        init(_ url: String) {
            let seen = seen
            task = Task {
                let store = try await SessionStore.open(url)
                for try await event in try store.topic("t").follow() { seen.withLock { $0.append(event.seq ?? 0) } }
                await store.close()
            }
        }

        var seqs: [Int] { seen.withLock { $0 } }
        func stop() async {
            task.cancel()
            _ = await task.result
        }
    }

    private func publish(_ numbers: ClosedRange<Int>, to store: SessionStore) async throws {
        for number in numbers {
            let batch = TopicBatch([TopicEventDraft(type: "x", data: JSON(string: "\(number)"), id: "\(number)")])
            try await eventually("\(number) is published") {
                do throws(StoreError) {
                    _ = try await store.publish(batch, to: "t")
                    return true
                } catch {
                    guard error.isRetryable else { throw error }
                    return false
                }
            }
        }
    }

    @Test("a daemon whose server is away says so a few times, not each time, and everybody who waits goes on when it is back")
    func away() async throws {
        try await RedisServer.with(["--appendonly", "yes", "--appendfsync", "always"]) { server in
            let daemon = try await DaemonProcess("redis://127.0.0.1:\(server.port)?timeout=1000")
            defer { daemon.process.send(signal: SIGKILL) }
            let store = try await SessionStore.open(daemon.url)
            let group = try store.topic("t").group("g")
            try await group.set(from: .start)
            let followers = (0..<10).map { _ in Follower(daemon.url) }
            let handled = Guarded<[Int]>([])
            let consumers = (0..<5).map { number in
                Task { try await group.consume(as: "c\(number)") { delivery in handled.withLock { $0.append(delivery.event.seq ?? 0) } } }
            }
            try await publish(1...3, to: store)
            try await eventually("all are live") { followers.allSatisfy { $0.seqs == [1, 2, 3] } && handled.withLock { $0.count } == 3 }
            let before = Self.lines(daemon.process).count
            let start = ContinuousClock.now
            await server.kill()
            try await Task.sleep(for: .seconds(5))
            let (said, seconds) = (Self.lines(daemon.process).dropFirst(before), (ContinuousClock.now - start).components.seconds)
            #expect(said.count <= 2 * Int(seconds) + 2, "\(said.joined(separator: "\n"))")
            try await server.restart()
            try await publish(4...6, to: store)
            try await eventually("all go on") { followers.allSatisfy { $0.seqs == Array(1...6) } && handled.withLock { $0.count } == 6 }
            #expect(handled.withLock { $0.sorted() } == Array(1...6))
            for consumer in consumers { consumer.cancel() }
            for follower in followers { await follower.stop() }
            for consumer in consumers { _ = await consumer.result }
            await store.close()
        }
    }

    @Test("followers of two daemons see every event once, in order, though one daemon is killed twice; each daemon reads the server once for all")
    func crashed() async throws {
        try await RedisServer.with { server in
            let address = "redis://127.0.0.1:\(server.port)"
            let (first, second) = (try await DaemonProcess(address), try await DaemonProcess(address))
            defer { for daemon in [first, second] { daemon.process.send(signal: SIGKILL) } }
            let store = try await SessionStore.open(second.url)
            try await publish(1...20, to: store)
            let followers = (0..<40).map { Follower($0.isMultiple(of: 2) ? first.url : second.url) }
            try await eventually("all have caught up") { followers.allSatisfy { $0.seqs.count == 20 } }
            let readers = try await server.cli("CLIENT", "LIST").split(separator: "\n").count { $0.contains("cmd=xread") }
            #expect((1...4).contains(readers), "one for sessions and one for topics of each daemon")
            for round in 1...2 {
                try await publish(round * 20 + 1...round * 20 + 10, to: store)
                try await first.crash()
                try await publish(round * 20 + 11...round * 20 + 20, to: store)
            }
            try await eventually("all have everything") { followers.allSatisfy { $0.seqs.count >= 60 } }
            #expect(followers.allSatisfy { $0.seqs == Array(1...60) })
            for follower in followers { await follower.stop() }
            await store.close()
        }
    }
}
