internal import BatonCore
internal import BatonHTTP
internal import BatonIO

extension Route {
    static let signals: [Route] = [
        .write(
            .post, "/v1/signals/{channel}", "sendSignal", "Tell whoever listens to the channel now; the body is any JSON value, kept nowhere.",
            request: "Value", responses: [(204, nil)]
        ) { api, call in
            try await api.store.signal(JSON(call.json()), on: call.variables[0])
            return .noContent
        },
        .get(
            "/v1/signals/{channel}", "listenToSignals", "What is sent on the channel from now on, as an event stream.", responses: [(200, nil)]
        ) { api, call in try await api.streamSignals(call.variables[0]) },
    ]
}

extension API {
    /// Answers with the signals of a channel from now on. They have no ids: what a connection misses is gone.
    fileprivate func streamSignals(_ channel: String) async throws -> Response {
        let listening = SignalStream()
        // Listened to before the head of the answer goes out: who sees it misses nothing that is sent afterwards.
        let observation = try await store.listen(to: channel) { listening.send($0) }
        return .events { stream in
            stream.push(SessionStreamEncoder.preamble)
            // Not within the call of the listener that found the connection closed.
            stream.onClose { _ in stream.loop.execute { observation.cancel() } }
            listening.open(stream)
        }
    }
}
