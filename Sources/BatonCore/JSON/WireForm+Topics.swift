// How topics and their events are written and read as JSON: in HTTP bodies, in streams, to web hooks and by the command line. Field names are
// part of the outer contract.

extension JSONWriter {
    /// An event of a topic. All fields are always there, but for the trace: `seq` and `key` are null where there is none.
    package mutating func topicEvent(_ event: TopicEvent, of topic: String) {
        object { writer in
            writer.name("id")
            writer.string(event.id)
            writer.name("topic")
            writer.string(topic)
            writer.name("seq")
            if let seq = event.seq { writer.int(seq) } else { writer.null() }
            writer.name("offset")
            writer.string(event.offset.text)
            writer.name("time")
            writer.time(event.time)
            writer.name("type")
            writer.string(event.type)
            writer.name("key")
            writer.string(event.key)
            writer.name("data")
            writer.raw(event.data.bytes)
            if let trace = event.trace { writer.members(of: trace) }
        }
    }

    /// A page of a topic.
    package mutating func page(_ page: TopicPage, of topic: String) {
        object { writer in
            writer.name("events")
            writer.array { writer in
                for event in page.events { writer.topicEvent(event, of: topic) }
            }
            writer.name("next")
            writer.string(page.next.text)
            writer.name("tail")
            writer.string(page.tail.text)
            writer.name("upToDate")
            writer.bool(page.upToDate)
        }
    }

    /// Where published events stand.
    package mutating func receipt(_ receipt: PublishReceipt) {
        object { writer in
            writer.name("events")
            writer.array { writer in
                for entry in receipt.entries { writer.receipt(entry) }
            }
        }
    }

    /// Where one published event stands.
    package mutating func receipt(_ entry: PublishReceipt.Entry) {
        object { writer in
            writer.name("id")
            writer.string(entry.id)
            writer.name("seq")
            writer.int(entry.seq)
            writer.name("offset")
            writer.string(entry.offset.text)
            writer.name("time")
            writer.time(entry.time)
            writer.name("duplicate")
            writer.bool(entry.isDuplicate)
        }
    }

    /// A topic.
    package mutating func topic(_ topic: Topic) {
        object { writer in
            writer.name("name")
            writer.string(topic.name)
            writer.name("count")
            if let count = topic.count { writer.int(count) } else { writer.null() }
            writer.name("earliest")
            writer.string(topic.earliest.text)
            writer.name("tail")
            writer.string(topic.tail.text)
            writer.name("generation")
            writer.string(topic.generation)
            writer.name("retention")
            writer.retention(topic.retention)
        }
    }

    /// What a topic keeps; null for no limit of a kind.
    package mutating func retention(_ retention: TopicRetention) {
        object { writer in
            for (name, value) in [
                ("maxEvents" as StaticString, retention.maximumEvents), ("maxBytes", retention.maximumBytes), ("maxAgeSeconds", retention.maximumAge),
            ] {
                writer.name(name)
                if let value { writer.int(value) } else { writer.null() }
            }
            writer.name("policy")
            writer.string(retention.policy.rawValue)
        }
    }

    /// An event to publish, as ``TopicEventDraft/batch(parsing:)`` reads it.
    package mutating func draft(_ draft: TopicEventDraft) {
        object { writer in
            if let id = draft.id {
                writer.name("id")
                writer.string(id)
            }
            writer.name("type")
            writer.string(draft.type)
            if let key = draft.key {
                writer.name("key")
                writer.string(key)
            }
            if let time = draft.time {
                writer.name("time")
                writer.time(time)
            }
            writer.name("data")
            writer.raw(draft.data.bytes)
        }
    }

    /// Milliseconds as a number of seconds.
    package mutating func seconds(ofMilliseconds value: Int) {
        let (whole, rest) = value.magnitude.quotientAndRemainder(dividingBy: 1000)
        let sign = value < 0 ? "-" : ""
        raw((rest == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(String(1000 + rest).dropFirst())").utf8)
    }
}

extension TopicEventDraft {
    /// Reads one event object, or an array of them.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``,
    ///   ``StoreError/Code/tooLarge``.
    public static func batch(parsing bytes: [UInt8]) throws(StoreError) -> [TopicEventDraft] {
        var scanner = JSONScanner()
        var drafts: [TopicEventDraft] = []
        let isArray: Bool
        do throws(JSONError) { isArray = try scanner.peek(bytes.span) == UInt8(ascii: "[") } catch { throw StoreError(error) }
        if isArray {
            try scanner.array(bytes.span, failing: { StoreError($0) }) { (scanner, index) throws(StoreError) in
                guard index < maximumBatch else { throw StoreError(.tooLarge, "the batch has more than \(maximumBatch) events") }
                drafts.append(try TopicEventDraft(scanning: bytes.span, with: &scanner, at: "events[\(index)]"))
            }
            guard !drafts.isEmpty else { throw StoreError(.invalidField, "the batch is empty; send 1 to \(maximumBatch) events") }
        } else {
            drafts.append(try TopicEventDraft(scanning: bytes.span, with: &scanner, at: "event"))
        }
        do throws(JSONError) { try scanner.end(bytes.span) } catch { throw StoreError(error) }
        return drafts
    }

    private init(scanning bytes: Span<UInt8>, with scanner: inout JSONScanner, at place: String) throws(StoreError) {
        var id: String?
        var type: String?
        var key: String?
        var time: Timestamp?
        var data: JSON?
        try ObjectReader(at: place).read(bytes, with: &scanner) { (field) throws(StoreError) in
            switch field.name {
            case "id": id = try field.string()
            case "type": type = try field.string()
            case "key": key = try field.string()
            case "time": time = try field.time()
            case "data": data = field.raw
            case "seq", "offset", "topic", "traceparent", "tracestate":
                throw StoreError(.unknownField, "\(field.path) is set by the server and cannot be given")
            default: throw field.unknown(allowed: "id, type, key, data, time")
            }
        }
        guard let type else { throw StoreError(.invalidField, "\(place).type is missing; it says what happened") }
        guard let data else { throw StoreError(.invalidField, "\(place).data is missing; it may be any JSON value") }
        self.init(type: type, key: key, data: data, id: id, time: time)
    }
}

extension TopicRetention {
    /// Reads an object of limits: what is left out is as in `defaults`, null is no limit.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8], at place: String = "", defaults: TopicRetention = .standard) throws(StoreError) {
        self = defaults
        try ObjectReader.document(bytes, at: place) { (field) throws(StoreError) in
            switch field.name {
            case "maxEvents": maximumEvents = try field.int(in: 1...100_000_000)
            case "maxBytes": maximumBytes = try field.int(in: 1...1 << 40)
            case "maxAgeSeconds": maximumAge = try field.int(in: 1...SessionDraft.maximumTTL)
            case "policy": policy = try field.choice(of: Policy.self) ?? defaults.policy
            default: throw field.unknown(allowed: "maxEvents, maxBytes, maxAgeSeconds, policy")
            }
        }
    }

    /// Reads the body of a request to set what a topic keeps: `{"retention": {…}}`.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsingTopic bytes: [UInt8], defaults: TopicRetention = .standard) throws(StoreError) {
        var retention = defaults
        try ObjectReader.document(bytes, at: "", emptyAllowed: true) { (field) throws(StoreError) in
            guard field.name == "retention" else { throw field.unknown(allowed: "retention") }
            if !field.isNull { retention = try TopicRetention(parsing: field.raw.bytes, at: field.path, defaults: defaults) }
        }
        self = retention
    }
}

extension TopicCursor {
    /// Reads a place as clients name it: `start` or `0`, `now`, an RFC 3339 time, or an offset.
    public init(_ text: String) {
        switch text {
        case "start", "0": self = .start
        case "now": self = .now
        default: self = Timestamp(text).map { .time($0) } ?? .offset(TopicOffset(text))
        }
    }

    /// The place as clients name it.
    public var text: String {
        switch self {
        case .start: "start"
        case .now: "now"
        case .offset(let offset): offset.text
        case .time(let time): time.description
        }
    }
}

extension ObjectReader.Field {
    /// A time; `nil` for `null`.
    package func time() throws(StoreError) -> Timestamp? {
        guard let text = try string() else { return nil }
        guard let time = Timestamp(text) else { throw wrongType("an RFC 3339 time such as 2026-01-31T12:00:00Z") }
        return time
    }

    /// One of some words; `nil` for `null`.
    package func choice<Value: RawRepresentable & CaseIterable>(of type: Value.Type) throws(StoreError) -> Value? where Value.RawValue == String {
        guard let text = try string() else { return nil }
        guard let value = Value(rawValue: text) else { throw wrongType("one of: \(Value.allCases.map(\.rawValue).joined(separator: ", "))") }
        return value
    }
}
