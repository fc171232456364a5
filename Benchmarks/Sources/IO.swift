internal import BatonIO
internal import Glibc
internal import Synchronization

/// What it costs to get work onto a loop and off it, and how much a loop carries.
enum IOBenchmark {
    static func run(_ arguments: [String]) async throws {
        let loop = try EventLoop()
        try await hops(on: loop)
        try await echo(on: loop)
        try await idleChannels(on: loop)
        await loop.shutdown()
    }

    /// Wall time and processor time of `count` operations, an operation.
    private static func measure(_ name: String, _ count: Int, _ body: () async throws -> Void) async rethrows {
        // The best of three: what else runs on the machine only ever adds.
        var best = (wall: Double.infinity, processor: 0.0)
        for _ in 0..<3 {
            let (start, used) = (Deadline.now, processorTime())
            try await body()
            let wall = Double(Deadline.now.nanoseconds - start.nanoseconds) / Double(count)
            if wall < best.wall { best = (wall, (processorTime() - used) * 1e9 / Double(count)) }
        }
        print("\(name): \(rounded(best.wall / 1000)) µs, processor \(rounded(best.processor / 1000)) µs")
    }

    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

    private static func processorTime() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    // MARK: Hops

    private static func hops(on loop: EventLoop) async throws {
        let count = 40_000
        let resident = Resident(loop)
        let (other, ordinary) = (Resident(loop), Ordinary())

        await measure("execute from another thread, in bursts", count) {
            await withCheckedContinuation { continuation in
                let left = Counter(count) { continuation.resume() }
                for _ in 0..<count { loop.execute { left.countDown() } }
            }
        }
        await measure("task -> actor on the loop -> task, one at a time", count) {
            for _ in 0..<count { await visit(resident) }
        }
        await measure("task -> run on the loop -> task, one at a time", count) {
            for _ in 0..<count { await loop.run { touch() } }
        }
        await measure("task -> actor on the loop -> task, 64 in flight", count) {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<64 { group.addTask { for _ in 0..<count / 64 { await visit(resident) } } }
            }
        }
        await measure("actor on the loop -> actor on the same loop", count) { await resident.tick(other, count) }
        await measure("task that prefers the loop -> default actor", count) {
            await Task(executorPreference: loop) { for _ in 0..<count { await step(ordinary) } }.value
        }
        await measure("task that prefers the loop -> actor on it", count) {
            await Task(executorPreference: loop) { for _ in 0..<count { await visit(resident) } }.value
        }
        await measure("new task that prefers the loop, from the loop", count) {
            await withCheckedContinuation { continuation in
                loop.execute {
                    let left = Counter(count) { continuation.resume() }
                    for _ in 0..<count { Task(executorPreference: loop) { left.countDown() } }
                }
            }
        }
        await measure("continuation resumed by the loop, task prefers it", count) {
            await Task(executorPreference: loop) {
                for _ in 0..<count {
                    await withCheckedContinuation { continuation in loop.execute { continuation.resume() } }
                }
            }.value
        }
        await measure("message into a mailbox, in bursts", count) {
            await withCheckedContinuation { continuation in
                let left = Counter(count) { continuation.resume() }
                let mailbox = Mailbox<Int>(on: loop) { messages in for _ in messages { left.countDown() } }
                for message in 0..<count { mailbox.send(message) }
            }
        }
        await measure("timer set and cancelled among 10000", count) {
            await loop.run {
                let standing = (0..<10_000).map { loop.schedule(after: .seconds(60 + $0 % 100)) {} }
                for index in 0..<count { loop.schedule(after: .seconds(30 + index % 60)) {}.cancel() }
                for timer in standing { timer.cancel() }
            }
        }
    }

    /// Keeps the optimizer from merging one hop with the next.
    @inline(never)
    private static func step(_ actor: Ordinary) async { await actor.tick() }

    @inline(never)
    private static func visit(_ actor: Resident) async { await actor.tick() }

    @inline(never)
    private static func touch() {}

    private actor Resident {
        let loop: EventLoop
        var ticks = 0

        init(_ loop: EventLoop) { self.loop = loop }

        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        @inline(never)
        func tick() { ticks += 1 }

        func tick(_ other: Resident, _ count: Int) async {
            for _ in 0..<count { await IOBenchmark.visit(other) }
        }
    }

    private actor Ordinary {
        var ticks = 0

        @inline(never)
        func tick() { ticks += 1 }
    }

    private final class Counter: Sendable {
        private let left: Atomic<Int>
        private let finished: @Sendable () -> Void

        init(_ count: Int, finished: @escaping @Sendable () -> Void) {
            left = Atomic(count)
            self.finished = finished
        }

        func countDown() {
            if left.subtract(1, ordering: .relaxed).newValue == 0 { finished() }
        }
    }

    // MARK: Channels

    /// Requests of 1 KB on 64 connections, each answered with as much: server and clients on a loop of their own.
    private static func echo(on loop: EventLoop) async throws {
        let clients = try EventLoop(EventLoop.Configuration(name: "clients"))
        let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in Echo() }
        for connections in [1, 64, 256] {
            var channels: [Channel] = []
            for _ in 0..<connections {
                channels.append(try await Channel.connect(to: .address(listener.address), on: clients, deadline: .after(.seconds(10))))
            }
            let total = connections == 1 ? 20_000 : 200_000
            let all = channels
            await measure("echo of 1 KB, \(connections) connections", total) {
                await withCheckedContinuation { continuation in
                    let left = Counter(connections) { continuation.resume() }
                    clients.execute {
                        for channel in all {
                            channel.start(Ping(rounds: total / connections) { left.countDown() })
                            channel.write(Ping.request)
                        }
                    }
                }
            }
            await clients.run { for channel in all { channel.close() } }
        }
        await listener.stop()
        await clients.shutdown()
    }

    private final class Echo: ChannelHandler {
        func received(_ bytes: RawSpan, on channel: Channel) {
            channel.write(bytes.withUnsafeBytes { Array($0) })
        }

        func inputEnded(on channel: Channel) { channel.close() }

        func closed(_ channel: Channel, because error: IOError?) {}
    }

    private final class Ping: ChannelHandler {
        static let request = [UInt8](repeating: 0x61, count: 1024)
        private var left: Int
        private var received = 0
        private let finished: @Sendable () -> Void

        init(rounds: Int, finished: @escaping @Sendable () -> Void) {
            left = rounds
            self.finished = finished
        }

        func received(_ bytes: RawSpan, on channel: Channel) {
            received += bytes.byteCount
            guard received >= Self.request.count else { return }
            received -= Self.request.count
            left -= 1
            if left > 0 { channel.write(Self.request) } else { finished() }
        }

        func inputEnded(on channel: Channel) {}

        func closed(_ channel: Channel, because error: IOError?) {}
    }

    /// What a connection costs that only waits, and what it costs to send one event to all of them.
    private static func idleChannels(on loop: EventLoop) async throws {
        try ProcessLimits.raiseDescriptorLimit()
        let clients = try EventLoop(EventLoop.Configuration(name: "clients"))
        let accepted = Channels()
        let listener = try await Listener(at: .loopback(port: 0), on: loop) { channel in
            accepted.add(channel)
            return Echo()
        }
        let count = 5000
        let before = residentBytes()
        var channels: [Channel] = []
        for _ in 0..<count {
            channels.append(try await Channel.connect(to: .address(listener.address), on: clients, deadline: .after(.seconds(10))))
        }
        let all = channels
        let memory = residentBytes() - before
        print("idle connection, both ends in this process: \(rounded(Double(memory) / Double(count * 2) / 1024)) KB an end")

        let received = Total()
        let event = [UInt8](repeating: 0x62, count: 200)
        await clients.run { for channel in all { channel.start(Sink(received)) } }
        let used = processorTime()
        let rounds = 20
        for round in 1...rounds {
            await loop.run { for channel in accepted.all { channel.write(event) } }
            while received.bytes < round * count * event.count { try await Task.sleep(for: .milliseconds(1)) }
        }
        print(
            "event to \(count) connections: processor \(rounded((processorTime() - used) * 1e6 / Double(rounds * count))) µs a connection, receiver included"
        )
        let after = residentBytes() - before
        print("connection after \(rounds) events: \(rounded(Double(after) / Double(count * 2) / 1024)) KB an end")
        await clients.shutdown()
        await listener.stop()
    }

    private final class Sink: ChannelHandler {
        private let total: Total

        init(_ total: Total) { self.total = total }

        func received(_ bytes: RawSpan, on channel: Channel) { total.add(bytes.byteCount) }

        func inputEnded(on channel: Channel) {}

        func closed(_ channel: Channel, because error: IOError?) {}
    }

    private final class Total: Sendable {
        private let count = Atomic<Int>(0)

        var bytes: Int { count.load(ordering: .relaxed) }

        func add(_ bytes: Int) { count.wrappingAdd(bytes, ordering: .relaxed) }
    }

    private final class Channels: Sendable {
        private let channels = Mutex<[Channel]>([])

        var all: [Channel] { channels.withLock { $0 } }

        func add(_ channel: Channel) { channels.withLock { $0.append(channel) } }
    }

    private static func residentBytes() -> Int {
        let descriptor = open("/proc/self/statm", O_RDONLY)
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &text, text.count)
        let fields = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
    }
}
