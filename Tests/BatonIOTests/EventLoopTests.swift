import BatonIO
import Glibc
import Synchronization
import Testing

@Suite("An event loop")
struct EventLoopTests {
    @Test("runs work of many threads exactly once")
    func executesOnce() async throws {
        try await withLoop { loop in
            let counts = Counts(100_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for start in stride(from: 0, to: 100_000, by: 10_000) {
                    group.addTask {
                        for index in start..<start + 10_000 {
                            loop.execute { counts.add(at: index) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(await eventually { counts.all(are: 1) })
        }
    }

    @Test("keeps a task that prefers it on its thread")
    func executorPreference() async throws {
        try await withLoop { loop in
            let stayed = await Task(executorPreference: loop) {
                var stayed = loop.isCurrent
                for _ in 0..<10 {
                    await Task.yield()
                    stayed = stayed && loop.isCurrent && EventLoop.current === loop
                    try? await loop.sleep(for: .milliseconds(1))
                    stayed = stayed && loop.isCurrent
                }
                return stayed
            }.value
            #expect(stayed)
            #expect(!loop.isCurrent)
        }
    }

    @Test("binds an actor to its thread")
    func serialExecutor() async throws {
        try await withLoop { loop in
            let resident = Resident(loop)
            for _ in 0..<10 { #expect(await resident.isOnLoop()) }
        }
    }

    @Test("fires timers in the order of their deadlines, and those of one deadline in the order they were set")
    func timerOrder() async throws {
        try await withLoop { loop in
            let order = Log<Int>()
            await loop.run {
                let start = Deadline.now
                for index in [5, 1, 4, 2, 3] {
                    loop.schedule(at: start.advanced(by: .milliseconds(10 * index))) { order.add(index) }
                }
                for index in 6...8 { loop.schedule(at: start.advanced(by: .milliseconds(60))) { order.add(index) } }
            }
            #expect(await eventually { order.entries.count == 8 })
            #expect(order.entries == Array(1...8))
        }
    }

    @Test("never fires a timer early, nor one that was cancelled")
    func timers() async throws {
        try await withLoop { loop in
            let early = Log<Duration>()
            let fired = Log<Int>()
            await loop.run {
                var timers: [BatonIO.Timer] = []
                for index in 0..<1000 {
                    let deadline = Deadline.after(.microseconds(37 * index))
                    timers.append(
                        loop.schedule(at: deadline) {
                            if !deadline.isPast { early.add(.zero) }
                            fired.add(index)
                        })
                }
                for (index, timer) in timers.enumerated() where index % 3 == 0 {
                    timer.cancel()
                    timer.cancel()
                }
            }
            #expect(await eventually { fired.entries.count == 666 })
            try await loop.sleep(for: .milliseconds(5))
            #expect(fired.entries == (0..<1000).filter { $0 % 3 != 0 })
            #expect(early.entries.isEmpty)
        }
    }

    @Test("lets a sleeping task be cancelled")
    func cancelledSleep() async throws {
        try await withLoop { loop in
            let task = Task { try await loop.sleep(until: .never) }
            task.cancel()
            #expect(await failure { try await task.value }?.code == .cancelled)
        }
    }

    @Test("counts and reports iterations that take too long")
    func stalls() async throws {
        let reported = Log<Duration>()
        var configuration = EventLoop.Configuration()
        configuration.stalled = { reported.add($0) }
        try await withLoop(configuration) { loop in
            await loop.run { _ = usleep(40_000) }
            #expect(await eventually { !reported.entries.isEmpty })
            #expect(loop.stallCount >= 1)
            #expect(reported.entries[0] >= .milliseconds(40))
        }
    }

    @Test("hands a burst of messages over at once")
    func mailbox() async throws {
        try await withLoop { loop in
            let batches = Log<[Int]>()
            let mailbox = Mailbox<Int>(on: loop) { batches.add($0) }
            let gate = Gate()
            loop.execute { gate.wait() }
            for message in 0..<1000 { mailbox.send(message) }
            gate.open()
            #expect(await eventually { batches.entries.joined().count == 1000 })
            #expect(batches.entries.count == 1)
            #expect(Array(batches.entries.joined()) == Array(0..<1000))
        }
    }

    @Test("runs what is handed to it after its end, one thing at a time")
    func lateWork() async throws {
        let loop = try EventLoop()
        let resident = Resident(loop)
        await loop.shutdown()
        await loop.shutdown()
        #expect(loop.isShutDown)
        let value = await Task(executorPreference: loop) {
            await Task.yield()
            return loop.isCurrent
        }.value
        #expect(value)
        #expect(await resident.isOnLoop())
        #expect(await failure { try await loop.sleep(until: .never) }?.code == .shutdown)
        #expect(await failure { try await Listener(at: .loopback(port: 0), on: loop) { _ in nil } }?.code == .shutdown)
    }

    @Test("receives signals as work")
    func signals() async throws {
        try await withLoop { loop in
            let received = Log<SignalReceiver.Signal>()
            let receiver = try await SignalReceiver([.hangUp], on: loop) { signal in
                #expect(loop.isCurrent)
                received.add(signal)
            }
            kill(getpid(), SIGHUP)
            #expect(await eventually { received.entries == [.hangUp] })
            await receiver.stop()
        }
    }
}

/// Lets a thread wait for another; not for asynchronous code.
private final class Gate: Sendable {
    private let isOpen = Atomic<Bool>(false)

    func open() { isOpen.store(true, ordering: .releasing) }

    func wait() {
        while !isOpen.load(ordering: .acquiring) { usleep(100) }
    }
}

private actor Resident {
    let loop: EventLoop

    init(_ loop: EventLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func isOnLoop() -> Bool {
        assertIsolated()
        return loop.isCurrent
    }
}

/// What happened, in order.
private final class Log<Entry: Sendable>: Sendable {
    private let log = Mutex<[Entry]>([])

    var entries: [Entry] { log.withLock { $0 } }

    func add(_ entry: Entry) { log.withLock { $0.append(entry) } }
}

/// How often each of many things happened.
private final class Counts: Sendable {
    private let counts: Mutex<[Int]>

    init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }

    func add(at index: Int) { counts.withLock { $0[index] += 1 } }

    func all(are expected: Int) -> Bool { counts.withLock { $0.allSatisfy { $0 == expected } } }
}
