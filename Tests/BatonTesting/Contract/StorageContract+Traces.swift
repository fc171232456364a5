internal import BatonCore
internal import BatonTelemetry
internal import Testing

/// Spans and what travels with events. Spans stand above the seam; what storages owe is that a trace comes back with its event, wherever it went.
extension StorageContract {
    static let traces: [StorageContract] = [
        StorageContract("a span around each operation says what was done, to what, and how it failed") { subject in
            let (store, spans) = subject.traced()
            let key = try subject.key()
            _ = try await store.findOrCreate(key)
            _ = try await store.findOrCreate(key)
            _ = try await store.append(EventBatch([.text("a"), .text("b")]), to: key)
            _ = try await store.get(key)
            _ = try await store.append(TrackBatch([.text("a")]), toTrack: "t", of: key)
            _ = try await store.events(ofTrack: "t", of: key)
            try await store.delete(key)
            await refused(.notFound) { _ = try await store.get(key) }
            let names = [
                "create_session", "create_session", "append_event", "get_session", "append_track_event", "get_track_events", "delete_session",
            ]
            #expect(spans.spans.map(\.name) == names + ["get_session"])
            for span in spans.spans {
                #expect(span["app_name"] == "app" && span["user_id"] == "user" && span["session_id"] == "session")
                #expect(span["storage"] == .string(subject.storage.kind.rawValue))
            }
            let existing: [SpanValue?] = [nil, true, nil, nil, nil, nil, nil, nil]
            #expect(spans.spans.map { $0["existing"] } == existing)
            #expect(spans.named("append_event").first?["event_count"] == 2)
            #expect(spans.spans.last?["error.type"] == "not_found" && spans.spans.last?.failure != nil)
            #expect(spans.spans.dropLast().allSatisfy { $0["error.type"] == nil && $0.failure == nil })
        },

        StorageContract("spans belong to the span that the caller works for; without a tracer there are none") { subject in
            let (store, spans) = subject.traced()
            let key = try await subject.created()
            let caller = PassiveSpan(try .example(sampled: true))
            _ = try await ActiveSpan.$current.withValue(caller) { try await store.get(key) }
            #expect(spans.spans.map(\.parentID) == [caller.context.spanID] && spans.spans[0].context.traceID == caller.context.traceID)
            let unsampled = PassiveSpan(try .example(sampled: false))
            _ = try await ActiveSpan.$current.withValue(unsampled) { try await store.get(key) }
            #expect(spans.spans.count == 1)
            _ = try await SessionStore(on: subject.storage).get(key)
            #expect(spans.spans.count == 1)
        },

        StorageContract("an event carries the span that appended it, and nothing else of it changes") { subject in
            let (store, spans) = subject.traced()
            let key = try await subject.created()
            let draft = try EventDraft(NewEvent(.of(#"{"a":1}"#), id: "e", metadata: .of(#"{"traceparent":"x"}"#)))
            _ = try await store.append(EventBatch([draft, .text("b", state: ["k": "1"])]), to: key)
            _ = try await subject.append(draft.renamed("f"), to: key)
            let trace = try #require(spans.named("append_event").first?.context)
            let events = try await subject.events(key)
            #expect(events.map(\.trace) == [trace, trace, nil])
            #expect(events[0].content == draft.event.content && events[0].metadata == draft.event.metadata && events[1].stateDelta != nil)
            #expect(events[2].body == draft.body)
            #expect(try await subject.storage.event("e", in: key).trace == trace)
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 3)).events.map(\.trace) == [trace, trace, nil])
            // The trace of its making stays with an event that is edited, whatever the edit adds.
            let edited = try await subject.storage.replace(
                "e", in: key, with: EventPatch(content: .of("2"), usage: .of("{}"), metadata: .of(#"{"m":1}"#)))
            #expect(edited.trace == trace && edited.content.description == "2" && edited.metadata?["m"]?.intValue == 1)
            #expect(try await subject.events(key).map(\.trace) == [trace, trace, nil])
        },

        StorageContract("a trace that nobody recorded is not carried, and tracestate is") { subject in
            let key = try await subject.created()
            let store = SessionStore(on: subject.storage)
            let sampled = try TraceContext.example(sampled: true, state: #"a=1,b="\"#)
            let contexts: [TraceContext] = [try .example(sampled: false), sampled]
            for context in contexts {
                _ = try await ActiveSpan.$current.withValue(PassiveSpan(context)) {
                    _ = try await store.append(EventBatch([.text("a")]), to: key)
                    return try await store.topic("t").publish(.null, type: "x")
                }
            }
            #expect(try await subject.events(key).map(\.trace) == [nil, sampled])
            #expect(try await subject.events().map(\.trace) == [nil, sampled])
        },

        StorageContract("a retry in another trace is a retry") { subject in
            let key = try await subject.created()
            let store = SessionStore(on: subject.storage)
            for number in 0..<3 {
                let context = number == 0 ? nil : try TraceContext.example(sampled: true, span: number)
                try await ActiveSpan.$current.withValue(context.map { PassiveSpan($0) }) {
                    let appended = try await store.append(EventBatch([.text("a")], idempotencyKey: "k"), to: key)
                    let published = try await store.topic("t").publish([TopicEventDraft(type: "x", data: .null)], idempotencyKey: "k")
                    #expect(appended.isDuplicate == (number > 0) && published.isDuplicate == (number > 0))
                }
            }
            #expect(try await subject.events(key).map(\.trace) == [nil])
            #expect(try await subject.events().map(\.trace) == [nil])
        },

        StorageContract("a published event brings its span to readers, consumers and dead letters") { subject in
            let (store, spans) = subject.traced()
            try await subject.grouped(GroupSettings(maximumDeliveries: 1))
            subject.clock.advance(milliseconds: 1)
            _ = try await store.topic("t").publish(
                [
                    TopicEventDraft(type: "x", key: "k", data: .of("1"), id: "i", time: subject.clock.now()),
                    TopicEventDraft(type: "x", data: .of("2")),
                ])
            let trace = try #require(spans.named("publish_events").first?.context)
            try await subject.publish("3")
            #expect(try await subject.events().map(\.trace) == [trace, trace, nil])
            let received = try await store.receive(3, from: "t", as: "c", in: "g")
            #expect(received.deliveries.map(\.event.trace) == [trace, trace, nil])
            let span = try #require(spans.named("receive").first)
            #expect(span.links == [trace, trace] && span.kind == .consumer && spans.named("publish_events")[0].kind == .producer)
            #expect(span["messaging.destination.name"] == "t" && span["messaging.consumer.group.name"] == "g" && span["messaging.client.id"] == "c")
            #expect(span["messaging.batch.message_count"] == 3)
            _ = try await store.settle(
                received.deliveries.map { Settlement(id: $0.id, token: $0.token, .terminate(reason: nil)) }, of: "t", as: "c", in: "g")
            #expect(try await store.deadLetters(in: "g", of: "t").elements.map(\.event?.trace) == [trace, trace, nil])
            try await store.redrive(.oldest(3), in: "g", of: "t")
            #expect(try await subject.receive().map(\.event.trace) == [trace, trace, nil])
        },

        StorageContract("the topic of sessions shows the span that appended an event") { subject in
            let (store, spans) = subject.traced()
            let key = try await subject.created()
            try await subject.grouped(of: Topic.sessions)
            _ = try await store.append(EventBatch([.text("a")]), to: key)
            let trace = try #require(spans.named("append_event").first?.context)
            let appended = try await subject.events(of: Topic.sessions).filter { $0.type == SessionChange.appended.rawValue }
            #expect(appended.map(\.trace) == [trace])
            #expect(try await subject.receive(of: Topic.sessions).last?.event.trace == trace)
        },

        StorageContract("what a consumer does with an event links to the span that made it") { subject in
            let (store, spans) = subject.traced()
            let key = try await subject.created()
            try await subject.grouped(GroupSettings(backoffMilliseconds: 0, maximumBackoffMilliseconds: 0))
            _ = try await store.topic("t").publish(.of("1"), type: "x", key: key.path)
            let trace = try #require(spans.named("publish_events").first?.context)
            struct Unwilling: Error {}
            try await store.topic("t").group("g").consume(as: "c", upTo: 2, endingAfter: .seconds(2)) { delivery in
                if delivery.attempt == 1 { throw Unwilling() }
                _ = try await store.append(EventBatch([.text("done")]), to: key)
            }
            let handled = spans.named("process_event")
            #expect(handled.count == 2 && handled.allSatisfy { $0.kind == .consumer && $0.links == [trace] && $0.parentID == nil })
            #expect(handled.allSatisfy { $0["session_id"] == "session" && $0["messaging.destination.name"] == "t" })
            #expect(handled.first?["error.type"] == "Unwilling" && handled.last?["error.type"] == nil)
            #expect(handled.first?["messaging.delivery.attempt"] == 1 && handled.last?["messaging.delivery.attempt"] == 2)
            // What the handler does belongs to it, and so does the event that it appends.
            let appended = try #require(spans.named("append_event").first)
            #expect(appended.parentID == handled.last?.context.spanID && appended.context.traceID == handled.last?.context.traceID)
            #expect(try await subject.events(key).map(\.trace) == [appended.context])
        },
    ]
}

extension StorageSubject {
    /// A store whose spans are kept.
    fileprivate func traced() -> (SessionStore, MemorySpans) {
        let spans = MemorySpans()
        return (SessionStore(on: storage, tracer: RecordingTracer(to: spans)), spans)
    }
}

extension TraceContext {
    fileprivate static func example(sampled: Bool, span: Int = 7, state: String = "") throws -> TraceContext {
        try #require(
            TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b\(span)-\(sampled ? "01" : "00")", tracestate: state))
    }
}

extension EventDraft {
    fileprivate var event: NewEvent { NewEvent(self) }

    fileprivate func renamed(_ id: String) throws -> EventDraft {
        var event = event
        event.id = id
        return try EventDraft(event)
    }
}
