public import BatonTelemetry

extension SessionStore.Operation {
    /// What its spans are called: as the operation, but where agent frameworks have given it another name before.
    public var spanName: String {
        switch self {
        case .appendEvents: "append_event"
        case .appendTrack: "append_track_event"
        case .readTracks: "get_track_events"
        default: rawValue
        }
    }

    /// What it has to do with other processes.
    func spanKind(on storage: StorageKind) -> SpanKind {
        switch self {
        case .publishEvents: .producer
        case .receive: .consumer
        default: storage.isAway ? .client : .internal
        }
    }
}

extension SessionStore {
    /// The same store with another tracer, or with none for what nobody wants to read of. Closing either closes both.
    public func with(tracer: (any Tracer)?) -> SessionStore {
        SessionStore(self, on: storage, hooks: hooks, tracer: tracer, summarizing: summarizing)
    }

    /// The name of the span around the handling of one delivery.
    static let processSpan = "process_event"

    /// Does an operation inside a span.
    func traced<Result: Sendable>(
        _ operation: Operation, on subject: some SpanSubject, by tracer: any Tracer, _ body: () async throws(StoreError) -> Result
    ) async throws(StoreError) -> Result {
        let span = tracer.startSpan(operation.spanName, kind: operation.spanKind(on: storage.kind), parent: TraceContext.current, links: [])
        if span.isRecording {
            span.set("storage", .string(storage.kind.rawValue))
            subject.describe(span)
        }
        let outcome = await ActiveSpan.$current.withValue(span) { () -> Swift.Result<Result, StoreError> in
            do throws(StoreError) { return .success(try await body()) } catch { return .failure(error) }
        }
        if case .failure(let error) = outcome { span.fail(error.code.rawValue, error.message) }
        span.end()
        return try outcome.get()
    }

    /// Says something of the span of the operation under way.
    func note(_ attribute: String, _ value: @autoclosure () -> SpanValue) {
        guard tracer != nil, let span = ActiveSpan.current, span.isRecording else { return }
        span.set(attribute, value())
    }
}

extension SessionStore {
    /// Says of a receive what was handed out, with links to those who made it.
    func note(_ received: Received) {
        guard tracer != nil, let span = ActiveSpan.current, span.isRecording else { return }
        span.set("messaging.batch.message_count", .int(received.deliveries.count))
        for delivery in received.deliveries {
            if let trace = delivery.event.trace { span.link(to: trace) }
        }
    }
}

extension GroupHandle {
    /// Handles a delivery inside a span that links to the one that made its event, so that what the handler does belongs to it.
    func process(_ delivery: Delivery, by tracer: any Tracer, _ handler: @Sendable (Delivery) async throws -> Void) async throws {
        let span = tracer.startSpan(
            SessionStore.processSpan, kind: .consumer, parent: TraceContext.current, links: delivery.event.trace.map { [$0] } ?? [])
        if span.isRecording {
            BusSubject(topic: topic, group: name).describe(span)
            span.set("messaging.message.id", .string(delivery.event.id))
            span.set("messaging.delivery.attempt", .int(delivery.attempt))
            span.set("event_type", .string(delivery.event.type))
            delivery.event.key.flatMap(SessionKey.init(path:))?.describe(span)
        }
        do {
            try await ActiveSpan.$current.withValue(span) { try await handler(delivery) }
            span.end()
        } catch {
            // The text of a handler's own error may hold contents.
            span.fail((error as? StoreError)?.code.rawValue ?? "\(type(of: error))", (error as? StoreError)?.message ?? "the handler failed")
            span.end()
            throw error
        }
    }
}
