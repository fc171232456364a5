internal import BatonCore
internal import BatonHTTP
internal import Synchronization

/// The sessions, tracks and topics that somebody follows, each with an event stream of the daemon as the source of hints.
///
/// No change is missed: whenever a stream has been opened, and whenever it broke, there is a hint, because what changed
/// before or meanwhile is not on it. While no stream can be opened, each attempt is a hint, so that following goes on by polling.
final class WatchList: Sendable {
    private struct State {
        var observers: [Int: @Sendable (StorageHint) -> Void] = [:]
        var watches: [Watched: Watch] = [:]
        var lastNumber = 0
        var isClosed = false

        mutating func nextNumber() -> Int {
            lastNumber += 1
            return lastNumber
        }
    }

    /// What is watched; names are compared as bytes.
    private enum Watched: Hashable {
        case session(SessionKey)
        case track(TrackLog.Key)
        case topic(TopicLog.Key)

        var hint: StorageHint {
            switch self {
            case .session(let key): .session(key)
            case .track(let key): .session(key.session)
            case .topic(let key): .topic(key.name)
            }
        }

        /// The stream that says when something is new.
        func events(at daemon: DaemonClient, _ options: EventSource.Options) -> EventSource {
            switch self {
            case .session(let key): daemon.client.events(key.path + "/events", query: "after=now", options: options)
            case .track(let key): daemon.client.events(key.session.path(ofTrack: key.track), query: "after=now", options: options)
            case .topic(let key): daemon.client.events(TopicAddress.path(key.name) + "/hints", options: options)
            }
        }
    }

    private struct Watch {
        var holders: Set<Int>
        let task: Task<Void, Never>
    }

    private let daemon: DaemonClient
    private let state = Mutex(State())

    init(_ daemon: DaemonClient) { self.daemon = daemon }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation {
        let number = state.withLock { state in
            let number = state.nextNumber()
            state.observers[number] = observer
            return number
        }
        return StorageObservation { [weak self] in self?.state.withLock { $0.observers[number] = nil } }
    }

    func watch(_ key: SessionKey) -> StorageObservation { watch(.session(key)) }

    func watch(track: String, of key: SessionKey) -> StorageObservation { watch(.track(TrackLog.Key(key, track: track))) }

    func watch(topic name: String) -> StorageObservation { watch(.topic(TopicLog.Key(name))) }

    private func watch(_ key: Watched) -> StorageObservation {
        let number: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            let number = state.nextNumber()
            if state.watches[key] != nil {
                state.watches[key]?.holders.insert(number)
            } else {
                let daemon = daemon
                let hint: @Sendable () -> Void = { [weak self] in self?.hint(key.hint) }
                let task = Task { await WatchList.listen(to: key, at: daemon, hint: hint) }
                state.watches[key] = Watch(holders: [number], task: task)
            }
            return number
        }
        guard let number else { return StorageObservation {} }
        return StorageObservation { [weak self] in self?.end(number, key) }
    }

    func close() {
        let tasks = state.withLock { state in
            state.isClosed = true
            defer { state.watches = [:] }
            return state.watches.values.map(\.task)
        }
        for task in tasks { task.cancel() }
    }

    private func end(_ number: Int, _ key: Watched) {
        let task: Task<Void, Never>? = state.withLock { state in
            guard state.watches[key]?.holders.remove(number) != nil, state.watches[key]?.holders.isEmpty == true else { return nil }
            return state.watches.removeValue(forKey: key)?.task
        }
        task?.cancel()
    }

    private func hint(_ hint: StorageHint) {
        for observer in state.withLock({ Array($0.observers.values) }) { observer(hint) }
    }

    private static func listen(to key: Watched, at daemon: DaemonClient, hint: @escaping @Sendable () -> Void) async {
        let failures = FailureCount()
        while !Task.isCancelled {
            var options = EventSource.Options()
            options.retryDelay = .milliseconds(200)
            options.maximumRetryDelay = .seconds(2)
            options.opened = {
                failures.reset()
                hint()
            }
            options.interrupted = { _, _ in hint() }
            // Only that something came counts: the events are read like any others, so that there is one way to read them.
            var events = key.events(at: daemon, options).makeAsyncIterator()
            do throws(HTTPError) {
                while try await events.next() != nil { hint() }
            } catch {
                // The daemon refuses: what is watched is gone, or the token. The follower's own read tells which.
            }
            hint()
            try? await Task.sleep(for: Backoff.delay(afterFailures: failures.increment()))
        }
    }

    /// Streams that could not be opened, in a row.
    private final class FailureCount: Sendable {
        private let count = Atomic(0)

        func reset() { count.store(0, ordering: .relaxed) }
        func increment() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
    }
}
