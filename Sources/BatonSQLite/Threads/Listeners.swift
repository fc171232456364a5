internal import BatonCore
internal import Synchronization

/// Those who listen to signals of this process and of others.
final class Listeners: Sendable {
    private struct Listener {
        let channel: String
        /// Only signals after this one are its business.
        let start: Int
        let hear: @Sendable (JSON) -> Void
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var next = 0
        /// Signals of other processes up to here have been looked at.
        var seen = 0
    }

    private let state = Mutex(State())
    /// Tells signals of this storage from those of others that have the same file open.
    let sender = Randomness.generation()

    /// Whether anybody listens.
    var isEmpty: Bool { state.withLock { $0.listeners.isEmpty } }

    /// Signals of other processes have been looked at up to here.
    var seen: Int { state.withLock { $0.seen } }

    /// Adds a listener for signals after `start` until its observation ends.
    func add(to channel: String, after start: Int, _ hear: @escaping @Sendable (JSON) -> Void) -> StorageObservation {
        let number = state.withLock { state in
            if state.listeners.isEmpty { state.seen = max(state.seen, start) }
            state.next += 1
            state.listeners[state.next] = Listener(channel: channel, start: start, hear: hear)
            return state.next
        }
        return StorageObservation { [weak self] in
            // The listener is let go outside the lock: what it holds may end in anything.
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: number) }
        }
    }

    /// Tells everybody concerned, outside the lock.
    func notify(_ signals: [Signal]) {
        guard !signals.isEmpty else { return }
        let listeners = state.withLock { Array($0.listeners.values) }
        for signal in signals {
            for listener in listeners where listener.start < signal.number && Name.isSame(listener.channel, signal.channel) {
                listener.hear(signal.payload)
            }
        }
    }

    /// Tells signals of other processes; the last one has been looked at now.
    func notifyForeign(_ signals: [Signal]) {
        guard let last = signals.last else { return }
        state.withLock { $0.seen = max($0.seen, last.number) }
        notify(signals)
    }
}
