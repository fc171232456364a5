internal import BatonCore
internal import BatonHTTP

extension API {
    /// Answers with a topic's events as they come: what is there first, without gap or duplicate.
    func streamTopic(_ call: Call) async throws -> Response {
        if try call.text("limit") != nil { throw StoreError(.invalidParameter, "limit does not go with a stream; use after and the filters") }
        let topic = call.variables[0]
        let asked = try call.topicCursor()
        let filter = try call.topicFilter()
        let cursor: TopicCursor =
            if let id = call.request.headers["Last-Event-ID"], !id.isEmpty { .offset(TopicOffset(id)) } else { asked }
        let encoder = TopicStreamEncoder(topic: topic)
        let follower: Follower<TopicLog>
        do throws(StoreError) {
            follower = try await store.follower(of: topic, from: cursor, filter: filter)
        } catch {
            // A browser that resumes gets the news in the stream: it shows its page nothing of a refused one.
            guard error.code == .offsetGone else { throw error }
            return .events { stream in stream.finish(with: SessionStreamEncoder.ending(.resync(error))) }
        }
        return .events { stream in
            stream.push(SessionStreamEncoder.preamble)
            let sink = TopicStreamSink(stream, encoder)
            stream.onClose { _ in follower.cancel() }
            Task(executorPreference: stream.loop) { await follower.start(into: sink) }
        }
    }
}

/// Sends a follower's events to one connection; see ``SessionStreamSink``.
private final class TopicStreamSink: EventSink {
    private let stream: ResponseStream
    private let encoder: TopicStreamEncoder
    private let place = StreamPlace()

    func moved(to place: String) { self.place.moved(to: place, on: stream) }

    init(_ stream: ResponseStream, _ encoder: TopicStreamEncoder) {
        self.stream = stream
        self.encoder = encoder
    }

    func write(_ delivery: EventDelivery<TopicEvent>) async throws {
        place.passed()
        try await stream.write(delivery.rendered(as: encoder))
    }

    func push(_ delivery: EventDelivery<TopicEvent>) -> Bool {
        place.passed()
        stream.push(delivery.rendered(as: encoder))
        return true
    }

    func end(_ ending: FollowEnding) {
        stream.finish(with: SessionStreamEncoder.ending(ending))
    }
}

/// Writes a topic's events in the event stream format, `id` being the offset to resume after.
struct TopicStreamEncoder: EventRendering {
    let topic: String

    func render(_ events: [TopicEvent]) -> Chunk {
        var encoder = EventStreamEncoder()
        for event in events {
            var writer = JSONWriter(reserving: event.data.bytes.count + 256)
            writer.topicEvent(event, of: topic)
            encoder.event(id: event.offset.text, name: "event", data: writer.bytes)
        }
        return encoder.chunk()
    }
}
