internal import BatonTelemetry

/// What an operation is about, as its span says it. The names `app_name`, `user_id` and `session_id` are those that dashboards of agent
/// frameworks know; those of the event bus are OpenTelemetry's for messaging.
protocol SpanSubject {
    func describe(_ span: any TraceSpan)
}

/// The store as a whole.
struct WholeStore: SpanSubject {
    func describe(_ span: any TraceSpan) {}
}

extension SessionKey: SpanSubject {
    func describe(_ span: any TraceSpan) {
        span.set("app_name", .string(app))
        span.set("user_id", .string(user))
        span.set("session_id", .string(id))
    }
}

extension UserKey: SpanSubject {
    func describe(_ span: any TraceSpan) {
        span.set("app_name", .string(app))
        span.set("user_id", .string(user))
    }
}

extension StateScope: SpanSubject {
    func describe(_ span: any TraceSpan) {
        switch self {
        case .session(let key): key.describe(span)
        case .user(let user): user.describe(span)
        case .app(let app): span.set("app_name", .string(app))
        case .store: break
        }
    }
}

/// A topic, and a group of it.
struct BusSubject: SpanSubject {
    let topic: String
    var group: String?
    var consumer: String?

    func describe(_ span: any TraceSpan) {
        span.set("messaging.system", "baton")
        span.set("messaging.destination.name", .string(topic))
        if let group { span.set("messaging.consumer.group.name", .string(group)) }
        if let consumer { span.set("messaging.client.id", .string(consumer)) }
    }
}
