internal import BatonCore
internal import BatonTelemetry

extension TopicEvent {
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var id: String?
        var seq: Int?
        var offset: String?
        var time: Timestamp?
        var type: String?
        var key: String?
        var data: JSON?
        var (parent, state): (String?, String?) = (nil, nil)
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "traceparent": parent = try scanner.string(bytes)
            case "tracestate": state = try scanner.string(bytes)
            case "id": id = try scanner.string(bytes)
            case "seq": seq = try scanner.int(bytes)
            case "offset": offset = try scanner.string(bytes)
            case "time": time = try scanner.time(bytes)
            case "type": type = try scanner.string(bytes)
            case "key": key = try scanner.string(bytes)
            case "data": data = try scanner.json(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let id, let offset, let time, let type, let data else {
            throw WireError.incompatible("an event without id, offset, time, type or data")
        }
        self.init(
            id: id, seq: seq, offset: TopicOffset(offset), time: time, type: type, key: key, data: data,
            trace: parent.flatMap { TraceContext(traceparent: $0, tracestate: state) })
    }

    init(decoding value: JSON) throws(StoreError) {
        var scanner = WireScanner()
        try self.init(&scanner, value.bytes.span)
    }
}

extension TopicPage {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var events: [TopicEvent]?
        var next: String?
        var tail: String?
        var upToDate: Bool?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "events": events = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try TopicEvent(&scanner, bytes) }
            case "next": next = try scanner.string(bytes)
            case "tail": tail = try scanner.string(bytes)
            case "upToDate": upToDate = try scanner.bool(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let events, let next, let tail, let upToDate else { throw WireError.incompatible("a page without events, next, tail or upToDate") }
        self.init(events: events, next: TopicOffset(next), tail: TopicOffset(tail), upToDate: upToDate)
    }
}

extension PublishReceipt {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var entries: [Entry]?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "events": entries = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Entry(&scanner, bytes) }
            default: try scanner.skip(bytes)
            }
        }
        guard let entries else { throw WireError.incompatible("a receipt without events") }
        self.init(entries: entries)
    }
}

extension PublishReceipt.Entry {
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var id: String?
        var seq: Int?
        var offset: String?
        var time: Timestamp?
        var isDuplicate: Bool?
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "id": id = try scanner.string(bytes)
            case "seq": seq = try scanner.int(bytes)
            case "offset": offset = try scanner.string(bytes)
            case "time": time = try scanner.time(bytes)
            case "duplicate": isDuplicate = try scanner.bool(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let id, let seq, let offset, let time, let isDuplicate else {
            throw WireError.incompatible("a receipt without id, seq, offset, time or duplicate")
        }
        self.init(id: id, seq: seq, offset: TopicOffset(offset), time: time, isDuplicate: isDuplicate)
    }
}

extension Received {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var deliveries: [Delivery]?
        var nextDue: Timestamp?
        var lost: Int?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "deliveries": deliveries = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Delivery(&scanner, bytes) }
            case "nextDue": nextDue = try scanner.time(bytes)
            case "lost": lost = try scanner.int(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let deliveries, let lost else { throw WireError.incompatible("deliveries are missing") }
        self.init(deliveries: deliveries, nextDue: nextDue, lost: lost)
    }
}

extension Delivery {
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var id: String?
        var token: String?
        var attempt: Int?
        var leaseEndsAt: Timestamp?
        var event: TopicEvent?
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "id": id = try scanner.string(bytes)
            case "token": token = try scanner.string(bytes)
            case "attempt": attempt = try scanner.int(bytes)
            case "leaseEndsAt": leaseEndsAt = try scanner.time(bytes)
            case "event": event = try TopicEvent(&scanner, bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let id, let token, let attempt, let leaseEndsAt, let event else { throw WireError.incompatible("a delivery without all its fields") }
        self.init(id: id, token: token, attempt: attempt, leaseEndsAt: leaseEndsAt, event: event)
    }
}
