import BatonIO
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
}

/// How often each of many things happened.
private final class Counts: Sendable {
    private let counts: Mutex<[Int]>

    init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }

    func add(at index: Int) { counts.withLock { $0[index] += 1 } }

    func all(are expected: Int) -> Bool { counts.withLock { $0.allSatisfy { $0 == expected } } }
}
