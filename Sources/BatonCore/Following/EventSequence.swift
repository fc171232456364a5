internal import Synchronization

/// The events of a session or topic: what is there, then what comes, without gap or duplicate.
///
/// It ends when a session is deleted, and throws ``StoreError/Code/offsetGone`` when its place was trimmed away. Events wait in a
/// bounded buffer; a reader slower than the writers reads the rest from the storage, at its own pace.
public struct EventSequence<Log: FollowedLog>: AsyncSequence, Sendable {
    /// An event.
    public typealias Element = Log.Element
    /// What following can fail with.
    public typealias Failure = StoreError

    private let begin: @Sendable () async throws(StoreError) -> Follower<Log>

    init(_ begin: @escaping @Sendable () async throws(StoreError) -> Follower<Log>) { self.begin = begin }

    /// Begins to follow at the first call of `next`.
    public func makeAsyncIterator() -> Iterator { Iterator(sequence: self) }

    /// Walks over the events.
    public struct Iterator: AsyncIteratorProtocol {
        private let sequence: EventSequence<Log>
        private var following: Following<Log>?

        init(sequence: EventSequence<Log>) { self.sequence = sequence }

        /// The next event, as soon as there is one; `nil` when the session is deleted or the task is cancelled.
        public mutating func next() async throws(StoreError) -> Log.Element? {
            try await next(isolation: nil)
        }

        /// The next event, as soon as there is one; `nil` when the session is deleted or the task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(StoreError) -> Log.Element? {
            if following == nil {
                following = Following(try await sequence.begin())
            }
            return try await following?.buffer.next()
        }
    }

}

/// Ties a follower to the life of its iterator.
private final class Following<Log: FollowedLog>: Sendable {
    let buffer = EventBuffer<Log.Element>()
    private let follower: Follower<Log>

    init(_ follower: Follower<Log>) {
        self.follower = follower
        let buffer = buffer
        Task { await follower.start(into: buffer) }
    }

    deinit {
        follower.cancel()
        buffer.abandon()
    }
}

/// A bounded queue of events between a follower and one reader.
final class EventBuffer<Element: Sendable>: EventSink {
    private struct State {
        var events: [Element] = []
        var head = 0
        var ending: FollowEnding?
        var isAbandoned = false
        var reader: CheckedContinuation<Void, Never>?
        var writer: CheckedContinuation<Void, Never>?

        var count: Int { events.count - head }
        var isFull: Bool { count >= EventBuffer.limit }

        mutating func pop() -> Element? {
            guard head < events.count else { return nil }
            defer {
                head += 1
                if head == events.count {
                    events.removeAll(keepingCapacity: true)
                    head = 0
                }
            }
            return events[head]
        }
    }

    /// How many events wait at most; one delivery may go over it.
    static var limit: Int { 1024 }

    private let state = Mutex(State())

    func write(_ delivery: EventDelivery<Element>) async throws {
        while true {
            let isFull = try state.withLock { state in
                if state.isAbandoned { throw CancellationError() }
                return state.isFull
            }
            guard isFull else { break }
            await withCheckedContinuation { continuation in
                let resumesAtOnce = state.withLock { state in
                    if state.isAbandoned || !state.isFull { return true }
                    state.writer = continuation
                    return false
                }
                if resumesAtOnce { continuation.resume() }
            }
        }
        _ = append(delivery)
    }

    func push(_ delivery: EventDelivery<Element>) -> Bool {
        guard !state.withLock({ $0.isFull }) else { return false }
        return append(delivery)
    }

    func end(_ ending: FollowEnding) {
        state.withLock { state in
            state.ending = ending
            return state.reader.take()
        }?.resume()
    }

    /// The reader has gone.
    func abandon() {
        let (reader, writer) = state.withLock { state in
            state.isAbandoned = true
            return (state.reader.take(), state.writer.take())
        }
        reader?.resume()
        writer?.resume()
    }

    func next() async throws(StoreError) -> Element? {
        while !Task.isCancelled {
            let (event, ending, writer) = state.withLock { state in
                let event = state.pop()
                return (event, state.ending, state.isFull ? nil : state.writer.take())
            }
            writer?.resume()
            if let event { return event }
            switch ending {
            case nil: await waitForMore()
            case .deleted: return nil
            case .closed: throw StoreError.storeClosed
            case .resync(let error), .failed(let error): throw error
            }
        }
        return nil
    }

    private func append(_ delivery: EventDelivery<Element>) -> Bool {
        state.withLock { state in
            state.events.append(contentsOf: delivery.events)
            return state.reader.take()
        }?.resume()
        return true
    }

    private func waitForMore() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumesAtOnce = state.withLock { state in
                    if state.count > 0 || state.ending != nil || state.isAbandoned || Task.isCancelled { return true }
                    state.reader = continuation
                    return false
                }
                if resumesAtOnce { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.reader.take() }?.resume()
        }
    }
}
