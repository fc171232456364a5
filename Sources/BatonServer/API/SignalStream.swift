internal import BatonCore
internal import BatonHTTP
internal import Synchronization

/// Passes signals on to one connection, and keeps those that come before it has begun.
final class SignalStream: Sendable {
    private enum State {
        case waiting([Chunk])
        case open(ResponseStream)
    }

    /// How many signals wait for a connection to begin; what comes besides is lost, as signals may be.
    static let longestWait = 64

    private let state = Mutex(State.waiting([]))

    func send(_ payload: JSON) {
        let chunk = EventStreamEncoder.event(name: "signal", data: payload.bytes)
        let stream: ResponseStream? = state.withLock { state in
            switch state {
            case .waiting(var chunks):
                guard chunks.count < SignalStream.longestWait else { return nil }
                chunks.append(chunk)
                state = .waiting(chunks)
                return nil
            case .open(let stream): return stream
            }
        }
        stream?.push(chunk)
    }

    func open(_ stream: ResponseStream) {
        state.withLock { state in
            guard case .waiting(let chunks) = state else { return }
            for chunk in chunks { stream.push(chunk) }
            state = .open(stream)
        }
    }
}
