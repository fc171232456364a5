internal import BatonCore
internal import BatonHTTP
internal import Synchronization

/// The signals of one channel, as a daemon streams them.
final class SignalStream: Sendable {
    private enum State {
        case opening(CheckedContinuation<HTTPError?, Never>?)
        case open
        case failed(HTTPError)
    }

    private let path: String
    private let daemon: DaemonClient
    private let state = Mutex(State.opening(nil))

    init(_ path: String, at daemon: DaemonClient) {
        self.path = path
        self.daemon = daemon
    }

    /// Returns once the daemon listens; from then on the stream is opened again whenever it breaks.
    /// - Throws: what the daemon answers, or why it cannot be reached.
    func open(_ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation {
        let task = Task { await self.run(listener) }
        let failure = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known: HTTPError?? = state.withLock { state in
                    switch state {
                    case .opening:
                        state = .opening(continuation)
                        return nil
                    case .open: return .some(nil)
                    case .failed(let error): return error
                    }
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            task.cancel()
            settle(.failed(HTTPError(.cancelled, "the task was cancelled")))
        }
        guard let failure else { return StorageObservation { task.cancel() } }
        task.cancel()
        throw StoreError(refusal: failure, url: daemon.client.url)
    }

    private func run(_ listener: @Sendable (JSON) -> Void) async {
        var failures = 0
        while !Task.isCancelled {
            var options = EventSource.Options()
            options.retryDelay = .milliseconds(200)
            options.maximumRetryDelay = .seconds(2)
            options.opened = { self.settle(.open) }
            options.interrupted = { error, _ in self.settle(.failed(error)) }
            var signals = daemon.client.events(path, options: options).makeAsyncIterator()
            do throws(HTTPError) {
                while let signal = try await signals.next() {
                    failures = 0
                    // A payload is the bytes that were sent, but for line ends between its tokens.
                    if signal.name == "signal", let payload = try? JSON(signal.data) { listener(payload) }
                }
            } catch { settle(.failed(error)) }
            failures += 1
            try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
        }
    }

    /// Tells the caller of `open`, the first time.
    private func settle(_ outcome: State) {
        let waiting: CheckedContinuation<HTTPError?, Never>? = state.withLock { state in
            guard case .opening(let waiting) = state else { return nil }
            state = outcome
            return waiting
        }
        guard let waiting else { return }
        if case .failed(let error) = outcome { waiting.resume(returning: error) } else { waiting.resume(returning: nil) }
    }
}

extension StoreError {
    /// Why a stream was not opened.
    fileprivate init(refusal error: HTTPError, url: HTTPURL) {
        switch error.status?.code {
        case 401?: self.init(.unauthenticated, "the daemon at \(url) does not know these credentials", underlying: error)
        case 403?: self.init(.forbidden, "the daemon at \(url) does not allow these credentials to listen", underlying: error)
        case 404?: self.init(.notFound, "there is no such channel, or none that these credentials may see", underlying: error)
        case let status? where status == 429 || status >= 500:
            self.init(.storeUnavailable, "the daemon at \(url) cannot listen now", underlying: error)
        default: self.init(error, url: url)
        }
    }
}
