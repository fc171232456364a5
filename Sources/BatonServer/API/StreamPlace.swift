internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import Synchronization

/// Tells the reader of a stream where it stands while a filter leaves out everything, now and then: when it resumes it need not be shown again what
/// it did not want, and its place is not trimmed away under it.
final class StreamPlace: Sendable {
    private struct State {
        /// What the reader has not been told yet.
        var untold: String?
        var isScheduled = false
    }

    /// How long after it has moved the reader is told, with all that it has moved over meanwhile.
    static let delay = Duration.seconds(1)

    private let state = Mutex(State())

    /// The reader stands further on, without an event to show for it.
    func moved(to place: String, on stream: ResponseStream) {
        let isFirst = state.withLock { state in
            state.untold = place
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        guard isFirst else { return }
        stream.loop.execute {
            _ = stream.loop.schedule(after: StreamPlace.delay) { self.tell(stream) }
        }
    }

    /// An event is about to be sent, whose id is further on than what was not told: that must not come after it.
    func passed() { state.withLock { $0.untold = nil } }

    /// On the loop's thread, by which all that is sent goes: an event that passes meanwhile comes after it.
    private func tell(_ stream: ResponseStream) {
        let place = state.withLock { state in
            state.isScheduled = false
            return state.untold.take()
        }
        guard let place else { return }
        var encoder = EventStreamEncoder()
        encoder.id(place)
        stream.push(encoder.chunk())
    }
}
