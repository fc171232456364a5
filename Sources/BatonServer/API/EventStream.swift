internal import BatonCore
internal import BatonHTTP

extension API {
    /// Answers with a session's events as they come: what is there first, without gap or duplicate.
    func stream(_ call: Call) async throws -> Response {
        for name in ["limit", "order", "before", "view"] where try call.text(name) != nil {
            throw StoreError(.invalidParameter, "\(name) does not go with a stream; use after and the filters")
        }
        let key = try call.session()
        let cursor: Cursor =
            if let id = call.request.headers["Last-Event-ID"], !id.isEmpty {
                try Cursor(id)
            } else if let text = try call.text("after") {
                try await self.cursor(text, in: key)
            } else { .seq(0) }
        let filter = try call.checkedFilter()
        return try await stream { () throws(StoreError) in try await self.store.follower(of: key, after: cursor, filter: filter) }
    }

    /// Answers with the events of a log that a follower reads: a session's or a track's.
    func stream<Log: FollowedLog>(
        _ begin: () async throws(StoreError) -> Follower<Log>
    ) async throws -> Response where Log.Element == Event {
        let follower: Follower<Log>
        do throws(StoreError) { follower = try await begin() } catch {
            // A browser that resumes gets the news in the stream: it shows its page nothing of a refused one.
            guard error.code == .offsetGone else { throw error }
            return .events { stream in stream.finish(with: SessionStreamEncoder.ending(.resync(error))) }
        }
        return .events { stream in
            stream.push(SessionStreamEncoder.preamble)
            let sink = SessionStreamSink(stream)
            stream.onClose { _ in follower.cancel() }
            Task(executorPreference: stream.loop) { await follower.start(into: sink) }
        }
    }
}

extension Call {
    fileprivate func checkedFilter() throws(StoreError) -> EventFilter {
        do { return try filter() } catch let error as StoreError { throw error } catch { throw StoreError(.invalidParameter, "\(error)") }
    }
}

/// Sends a follower's events to one connection. A reader too slow for its events is cut off by the stream itself and
/// comes back with its last id.
private final class SessionStreamSink: EventSink {
    private let stream: ResponseStream
    private let place = StreamPlace()

    init(_ stream: ResponseStream) { self.stream = stream }

    func moved(to place: String) { self.place.moved(to: place, on: stream) }

    func write(_ delivery: EventDelivery<Event>) async throws {
        place.passed()
        try await stream.write(delivery.rendered(as: SessionStreamEncoder()))
    }

    func push(_ delivery: EventDelivery<Event>) -> Bool {
        place.passed()
        stream.push(delivery.rendered(as: SessionStreamEncoder()))
        return true
    }

    func end(_ ending: FollowEnding) {
        stream.finish(with: SessionStreamEncoder.ending(ending))
    }
}

/// Writes a session's events in the event stream format (WHATWG HTML §9.2), `id` being the offset to resume after.
struct SessionStreamEncoder: EventRendering {
    /// Tells browsers to come back after a second.
    static let preamble: Chunk = {
        var encoder = EventStreamEncoder()
        encoder.retry(milliseconds: 1000)
        return encoder.chunk()
    }()

    func render(_ events: [Event]) -> Chunk {
        var encoder = EventStreamEncoder()
        for event in events {
            var writer = JSONWriter(reserving: event.body.bytes.count + 160)
            writer.event(event)
            encoder.event(id: event.offset.description, name: "event", data: writer.bytes)
        }
        return encoder.chunk()
    }

    /// The last words of a stream; `nil` when a reader has only to come back.
    static func ending(_ ending: FollowEnding) -> Chunk? {
        switch ending {
        case .closed: return nil
        case .deleted: return EventStreamEncoder.event(name: "end", data: Array(#"{"reason":"deleted"}"#.utf8))
        case .failed(let error): return EventStreamEncoder.event(name: "error", data: Problem(error).body)
        case .resync(let error):
            // The id makes a browser that reconnects by itself begin again at what is left, instead of asking for what is gone.
            var id: String?
            switch error.detail {
            case .gone(let earliest, _, _): id = earliest.description
            case .topicGone(let earliest, _, _): id = earliest.text
            default: break
            }
            return EventStreamEncoder.event(id: id, name: "resync", data: Problem(error).body)
        }
    }
}
