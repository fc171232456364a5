internal import BatonIO
internal import Synchronization

/// The body of a streamed answer, as it arrives. One reader.
///
/// At most 256 KiB wait here: beyond, nothing is read from the connection until some has been taken. Letting go of the body before its end
/// closes the connection.
public final class ResponseBody: AsyncSequence, Sendable {
    /// A piece of the body, as long as it happened to arrive.
    public typealias Element = [UInt8]

    /// Reads the body.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let body: ResponseBody

        /// The next piece, or nil at the end.
        ///
        /// - Throws: `HTTPError` when the connection breaks before the end, or the task is cancelled.
        public mutating func next() async throws(HTTPError) -> [UInt8]? { try await body.next() }

        /// The next piece, or nil at the end.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(HTTPError) -> [UInt8]? { try await body.next() }
    }

    private struct State {
        var pieces: [[UInt8]] = []
        var bytes = 0
        var isPaused = false
        var end: Result<Void, HTTPError>?
        var reader: CheckedContinuation<Result<[UInt8]?, HTTPError>, Never>?
    }

    private static let highWatermark = 256 * 1024
    private static let lowWatermark = 64 * 1024

    private let state = Mutex(State())
    private let connection: ClientConnection
    private let exchange: Int

    init(_ connection: ClientConnection, exchange: Int) {
        self.connection = connection
        self.exchange = exchange
    }

    deinit {
        let (connection, exchange) = (connection, exchange)
        guard state.withLock({ $0.end == nil }) else { return }
        connection.loop.execute { connection.abandonBody(of: exchange) }
    }

    /// Begins reading.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }

    /// The next piece; `timedOut` when none came until `deadline`.
    func next(by deadline: Deadline = .never) async throws(HTTPError) -> [UInt8]? {
        let timeout = deadline == .never ? nil : BodyTimeout(self, deadline, connection.loop)
        defer { timeout?.cancel() }
        let outcome: Result<[UInt8]?, HTTPError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Looked at under the lock that a cancellation takes too, so neither can miss the other.
                let (result, resume) = state.withLock { state -> (Result<[UInt8]?, HTTPError>?, Bool) in
                    if !state.pieces.isEmpty {
                        let piece = state.pieces.removeFirst()
                        state.bytes -= piece.count
                        let resume = state.isPaused && state.bytes <= Self.lowWatermark
                        if resume { state.isPaused = false }
                        return (.success(piece), resume)
                    }
                    if let end = state.end { return (end.map { nil }, false) }
                    state.reader = continuation
                    return (nil, false)
                }
                if resume { connection.loop.execute { self.connection.resumeBody(of: self.exchange) } }
                if let result {
                    continuation.resume(returning: result)
                } else if Task.isCancelled {
                    self.interrupt(HTTPError(.cancelled, "the task was cancelled"))
                }
            }
        } onCancel: {
            self.interrupt(HTTPError(.cancelled, "the task was cancelled"))
        }
        return try outcome.get()
    }

    /// Gives up on the rest of the body.
    func interrupt(_ error: HTTPError) {
        let (reader, wasOpen) = state.withLock { state in
            defer {
                state.reader = nil
                state.pieces = []
                if state.end == nil { state.end = .failure(error) }
            }
            return (state.reader, state.end == nil)
        }
        reader?.resume(returning: .failure(error))
        if wasOpen { connection.loop.execute { self.connection.abandonBody(of: self.exchange) } }
    }

    // MARK: On the loop's thread

    /// Whether reading may go on.
    func append(_ piece: [UInt8]) -> Bool {
        let (reader, more) = state.withLock { state -> (CheckedContinuation<Result<[UInt8]?, HTTPError>, Never>?, Bool) in
            if let reader = state.reader {
                state.reader = nil
                return (reader, true)
            }
            state.pieces.append(piece)
            state.bytes += piece.count
            if state.bytes > Self.highWatermark { state.isPaused = true }
            return (nil, !state.isPaused)
        }
        reader?.resume(returning: .success(piece))
        return more
    }

    func end(with outcome: Result<Void, HTTPError>) {
        let reader = state.withLock { state in
            if state.end == nil { state.end = outcome }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: outcome.map { nil })
    }
}

/// Interrupts a body that stays silent. Sendable: the timer is touched on the loop's thread only.
private final class BodyTimeout: @unchecked Sendable {
    private var timer: Timer?
    private let loop: EventLoop

    init(_ body: ResponseBody, _ deadline: Deadline, _ loop: EventLoop) {
        self.loop = loop
        loop.execute { [weak body] in
            self.timer = loop.schedule(at: deadline) { body?.interrupt(HTTPError(.timedOut, "nothing came in time")) }
        }
    }

    func cancel() {
        loop.execute {
            self.timer?.cancel()
            self.timer = nil
        }
    }
}
