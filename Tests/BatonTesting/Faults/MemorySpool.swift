public import BatonCore
internal import Synchronization

/// A spool in memory, for tests of what a queue makes of its spool.
public final class MemorySpool: WriteSpool {
    private struct State {
        var writes: [SpooledWrite] = []
        var lastNumber = 0
        var refusal: StoreError?
        var keepsEverything = false
    }

    private let state = Mutex(State())

    /// An empty spool.
    public init() {}

    /// What is in it, in its order.
    public var contents: [SpooledWrite] { state.withLock { $0.writes } }

    /// Refuses every change from now on, or none.
    public func refuse(_ error: StoreError?) { state.withLock { $0.refusal = error } }

    /// Forgets nothing from now on, as if the process died before it could.
    public func keepEverything() { state.withLock { $0.keepsEverything = true } }

    private func change<Result: Sendable>(_ body: (inout State) -> Result) throws(StoreError) -> Result {
        try state.withLock { (state) throws(StoreError) in
            if let refusal = state.refusal { throw refusal }
            return body(&state)
        }
    }

    /// Keeps a write.
    public func add(_ write: QueuedWrite) async throws(StoreError) -> Int {
        try change { state in
            state.lastNumber += 1
            state.writes.append(SpooledWrite(number: state.lastNumber, write: write))
            return state.lastNumber
        }
    }

    /// Forgets writes, unless it keeps everything.
    public func remove(_ numbers: [Int]) async throws(StoreError) {
        try change { state in
            if !state.keepsEverything { state.writes.removeAll { numbers.contains($0.number) } }
        }
    }

    /// Sets writes aside.
    public func fail(_ numbers: [Int], _ error: StoreError, at time: Timestamp) async throws(StoreError) {
        try change { state in
            state.writes = state.writes.map { write in
                guard numbers.contains(write.number) else { return write }
                return SpooledWrite(
                    number: write.number, write: write.write, failure: .init(code: error.code, message: error.message, time: time))
            }
        }
    }

    /// Those that wait.
    public func waiting(after number: Int, limit: Int) async throws(StoreError) -> [SpooledWrite] {
        Array(contents.filter { $0.failure == nil && $0.number > number }.prefix(limit))
    }

    /// Those that were set aside.
    public func failed(after number: Int, limit: Int) async throws(StoreError) -> [SpooledWrite] {
        Array(contents.filter { $0.failure != nil && $0.number > number }.prefix(limit))
    }

    /// Lets them wait again.
    public func putBack(_ numbers: [Int]) async throws(StoreError) -> Int {
        try change { state in
            let count = state.writes.count { numbers.contains($0.number) && $0.failure != nil }
            state.writes = state.writes.map { numbers.contains($0.number) ? SpooledWrite(number: $0.number, write: $0.write) : $0 }
            return count
        }
    }

    /// How many are set aside.
    public func failedCount() async throws(StoreError) -> Int { contents.count { $0.failure != nil } }

    /// Nothing to let go of.
    public func close() async {}
}
