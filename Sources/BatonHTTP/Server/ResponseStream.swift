public import BatonIO
internal import Synchronization

/// The open end of a streamed response. It outlives the handler and keeps no task alive.
///
/// ``push(_:)`` is for what everybody gets, ``write(_:)`` for catching up. The same ``Chunk`` may go to any number of streams; none copies it.
public final class ResponseStream: @unchecked Sendable {
    // Sendable: `handedOver` and `open` are atomics; every other `var` is touched on the loop's thread only.

    /// Why a stream ended.
    public enum End: Sendable, Hashable {
        /// ``ResponseStream/finish(with:)`` was called.
        case finished
        /// The client went away.
        case clientClosed
        /// More than the permitted backlog was waiting when more came.
        case slowReader
        /// The client took nothing for the permitted time.
        case stalled
        /// The server drained.
        case drained
    }

    /// The loop whose thread the stream belongs to; a push from there goes straight to the socket.
    public let loop: EventLoop

    private let open = Atomic<Bool>(true)
    /// Bytes pushed by other threads that the loop has not seen yet.
    private let handedOver = Atomic<Int>(0)
    private let backlogLimit: Int
    private var connection: ServerConnection?
    private var end: End?
    private var closeHandlers: [@Sendable (End) -> Void] = []
    private var writers: [StreamWriter] = []

    let body: StreamBody
    /// Position in the list of streams of its loop.
    var index = -1
    /// When something was last sent, in nanoseconds, as coarse as the sweep.
    var lastActivity: Int64
    /// For noticing that nothing is taken: how much had been sent, and since when that has not changed.
    var progress: (sent: Int, since: Int64)

    init(_ connection: ServerConnection, _ body: StreamBody, backlogLimit: Int, now: Int64) {
        self.connection = connection
        self.body = body
        self.backlogLimit = backlogLimit
        loop = connection.loop
        lastActivity = now
        progress = (0, now)
    }

    /// Whether the stream can still be written to. Any thread.
    public var isOpen: Bool { open.load(ordering: .acquiring) }

    /// Bytes that were pushed and the kernel has not taken. On the loop's thread; elsewhere, what is still on its way to the loop.
    public var backlog: Int {
        let waiting = handedOver.load(ordering: .relaxed)
        return loop.isCurrent ? waiting + (connection?.channel.backlog ?? 0) : waiting
    }

    /// Sends `chunk` without waiting. Any thread; in the order of the calls of one thread.
    ///
    /// When the backlog already exceeds the server's limit, the stream is closed as `slowReader`: a client that resumes elsewhere is
    /// better than one that is hours behind.
    /// - Returns: whether the stream is open, as far as is known here.
    @discardableResult
    public func push(_ chunk: Chunk) -> Bool {
        guard isOpen else { return false }
        if loop.isCurrent {
            send(chunk)
            return isOpen
        }
        let bytes = chunk.framed.count
        let waiting = handedOver.wrappingAdd(bytes, ordering: .relaxed).oldValue
        guard waiting <= backlogLimit else {
            // The loop itself is behind: nothing more is queued for it, so this stays bounded too.
            handedOver.wrappingSubtract(bytes, ordering: .relaxed)
            loop.execute { self.close(because: .slowReader) }
            return false
        }
        loop.execute {
            self.handedOver.wrappingSubtract(bytes, ordering: .relaxed)
            self.send(chunk)
        }
        return true
    }

    /// Sends `chunk`, and returns once so little waits (16 KiB) that more may be written. For catching up: one writer at a time.
    ///
    /// - Throws: `closed` when the stream is, `cancelled` when the task is.
    public func write(_ chunk: Chunk) async throws(HTTPError) {
        if loop.isCurrent {
            send(chunk, isCatchUp: true)
            guard isOpen, let connection else { throw Self.closed }
            if connection.channel.isWritable { return }
        } else {
            await loop.run { self.send(chunk, isCatchUp: true) }
        }
        let writer = StreamWriter()
        let outcome: Result<Void, HTTPError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.execute { self.add(writer, continuation) }
            }
        } onCancel: {
            loop.execute { self.cancel(writer) }
        }
        try outcome.get()
    }

    /// Ends the stream in order, after `chunk`. Any thread; calls after the first do nothing.
    public func finish(with chunk: Chunk? = nil) {
        if loop.isCurrent {
            finish(with: chunk, because: .finished)
        } else {
            loop.execute { self.finish(with: chunk, because: .finished) }
        }
    }

    /// Calls `handler` once with the reason when the stream ends, on the loop's thread; soon, when it has ended already. Any thread.
    public func onClose(_ handler: @escaping @Sendable (End) -> Void) {
        if loop.isCurrent {
            addCloseHandler(handler)
        } else {
            loop.execute { self.addCloseHandler(handler) }
        }
    }

    // MARK: On the loop's thread

    /// Bytes that the kernel has not taken.
    var waitingBytes: Int { connection?.channel.backlog ?? 0 }

    /// Bytes that the kernel has taken.
    var sentBytes: Int { (connection?.streamBytes ?? 0) - waitingBytes }

    func send(_ chunk: Chunk, isCatchUp: Bool = false) {
        guard let connection, end == nil, !chunk.isEmpty else { return }
        if !isCatchUp, connection.channel.backlog > backlogLimit {
            close(because: .slowReader)
            return
        }
        connection.writeStream(chunk)
        lastActivity = connection.shard.coarseNow
    }

    func finish(with chunk: Chunk?, because reason: End) {
        guard let connection, end == nil else { return }
        if let chunk { connection.writeStream(chunk) }
        connection.finishStream()
        ended(reason)
    }

    /// Ends the stream at once: what waits is lost, and the missing last chunk tells the client.
    func close(because reason: End) {
        guard let connection, end == nil else { return }
        ended(reason)
        connection.channel.close()
    }

    /// The connection is gone, or about to be.
    func ended(_ reason: End) {
        guard end == nil else { return }
        end = reason
        open.store(false, ordering: .releasing)
        connection?.streamEnded(self, reason)
        connection = nil
        let handlers = closeHandlers
        closeHandlers = []
        let waiting = writers
        writers = []
        for writer in waiting { writer.end(with: .failure(Self.closed)) }
        for handler in handlers { handler(reason) }
    }

    func drained() {
        let waiting = writers
        writers = []
        for writer in waiting { writer.end(with: .success(())) }
    }

    private func add(_ writer: StreamWriter, _ continuation: CheckedContinuation<Result<Void, HTTPError>, Never>) {
        guard !writer.start(continuation) else { return }
        if end != nil {
            writer.end(with: .failure(Self.closed))
        } else if connection?.channel.isWritable == true {
            writer.end(with: .success(()))
        } else {
            writers.append(writer)
        }
    }

    private func cancel(_ writer: StreamWriter) {
        writers.removeAll { $0 === writer }
        writer.end(with: .failure(HTTPError(.cancelled, "the task was cancelled")))
    }

    private func addCloseHandler(_ handler: @escaping @Sendable (End) -> Void) {
        if let end { handler(end) } else { closeHandlers.append(handler) }
    }

    private static var closed: HTTPError { HTTPError(.closed, "the stream is closed") }
}

/// A task that waits for its stream to take more. Resumed once, by whichever comes first. Sendable: touched on the loop's thread only.
private final class StreamWriter: @unchecked Sendable {
    private var continuation: CheckedContinuation<Result<Void, HTTPError>, Never>?
    private var outcome: Result<Void, HTTPError>?

    /// Whether it was over before it began.
    func start(_ continuation: CheckedContinuation<Result<Void, HTTPError>, Never>) -> Bool {
        if let outcome {
            continuation.resume(returning: outcome)
            return true
        }
        self.continuation = continuation
        return false
    }

    func end(with outcome: Result<Void, HTTPError>) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        continuation?.resume(returning: outcome)
        continuation = nil
    }
}
