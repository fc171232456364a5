internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import Synchronization

extension API {
    /// Answers with one event whenever something may be new in a topic. The first comes at once: what changed before is not told.
    func streamHints(_ topic: String) throws -> Response {
        let hints = HintStream()
        let observation = try store.watch(topic: topic) { hints.hint() }
        return .events { stream in
            stream.push(SessionStreamEncoder.preamble)
            stream.onClose { _ in stream.loop.execute { observation.cancel() } }
            hints.open(stream)
        }
    }
}

/// Passes hints on to one connection. Those that come before the last one has left are one.
private final class HintStream: Sendable {
    private struct State {
        var stream: ResponseStream?
        var isScheduled = false
    }

    private static let event = EventStreamEncoder.event(name: "hint", data: Array("{}".utf8))

    private let state = Mutex(State())

    func open(_ stream: ResponseStream) {
        state.withLock { $0.stream = stream }
        hint()
    }

    func hint() {
        let stream: ResponseStream? = state.withLock { state in
            guard !state.isScheduled, let stream = state.stream else { return nil }
            state.isScheduled = true
            return stream
        }
        stream?.loop.execute {
            // First, so that a change from now on is told by another.
            self.state.withLock { $0.isScheduled = false }
            // A reader that has not taken the last ones will look at everything when it does. A heartbeat alone never waits in such a length.
            if let stream, stream.backlog < 1024 { stream.push(HintStream.event) }
        }
    }
}
