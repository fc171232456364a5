internal import BatonCore
internal import Synchronization

/// Those who want to hear that something may be new.
final class Observers: Sendable {
    typealias Observer = @Sendable (StorageHint) -> Void

    private struct State {
        var observers: [Int: Observer] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// Whether anybody listens.
    var isEmpty: Bool { state.withLock { $0.observers.isEmpty } }

    /// Adds an observer until its observation ends.
    func add(_ observer: @escaping Observer) -> StorageObservation {
        let number = state.withLock { state in
            state.next += 1
            state.observers[state.next] = observer
            return state.next
        }
        return StorageObservation { [weak self] in
            // The observer is let go outside the lock: what it holds may end in anything.
            _ = self?.state.withLock { $0.observers.removeValue(forKey: number) }
        }
    }

    /// Tells everybody, outside the lock.
    func notify(_ hints: [StorageHint]) {
        guard !hints.isEmpty else { return }
        let observers = state.withLock { Array($0.observers.values) }
        for observer in observers {
            for hint in hints { observer(hint) }
        }
    }
}
