public import BatonCore
internal import Synchronization

/// A storage before another one whose appends go wrong as a test says.
public final class UnreliableStorage: TestLayer {
    /// What becomes of one append.
    public enum Fault: Sendable {
        /// Nothing goes wrong.
        case none
        /// It is refused, and nothing is stored.
        case refuse(StoreError)
        /// It is stored, and the answer is lost.
        case loseReply
    }

    private struct State {
        var decide: @Sendable (EventBatch) -> Fault = { _ in .none }
        var isStalled = false
        var stalled: [CheckedContinuation<Void, Never>] = []
        var batches: [(key: SessionKey, count: Int)] = []
    }

    /// The storage behind.
    public let base: any Storage
    private let state = Mutex(State())

    /// Nothing goes wrong at first.
    public init(_ base: any Storage) { self.base = base }

    /// Says what becomes of every append from now on.
    public func decide(_ decide: @escaping @Sendable (EventBatch) -> Fault) { state.withLock { $0.decide = decide } }

    /// The next `faults.count` appends meet these; those after them nothing.
    public func meet(_ faults: [Fault]) {
        let rest = Guarded(faults[...])
        decide { _ in rest.withLock { $0.popFirst() } ?? .none }
    }

    /// Appends wait from now on, until they are released.
    public func stall() { state.withLock { $0.isStalled = true } }

    /// Lets appends go on.
    public func release() {
        let stalled = state.withLock { state in
            state.isStalled = false
            defer { state.stalled = [] }
            return state.stalled
        }
        for continuation in stalled { continuation.resume() }
    }

    /// How many appends wait.
    public var stalledCount: Int { state.withLock { $0.stalled.count } }

    /// How many events each append of a session had, also of those that failed.
    public func batches(of key: SessionKey) -> [Int] { state.withLock { $0.batches.filter { $0.key == key }.map(\.count) } }

    /// The storage behind stays open: it outlives the stores that a test opens on it.
    public func close() async {}

    /// Stores, or what was said.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                state.batches.append((key, batch.events.count))
                if state.isStalled { state.stalled.append(continuation) }
                return !state.isStalled
            }
            if goesOn { continuation.resume() }
        }
        switch state.withLock({ $0.decide })(batch) {
        case .none: return try await base.append(batch, to: key)
        case .refuse(let error): throw error
        case .loseReply:
            _ = try await base.append(batch, to: key)
            throw StoreError(.cancelled, "the answer was lost")
        }
    }
}
