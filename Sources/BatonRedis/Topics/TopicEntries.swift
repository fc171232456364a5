internal import BatonCore
internal import BatonRedisClient
internal import BatonTelemetry

/// Entries of a topic's stream as events.
enum TopicEntries {
    /// A list of entries of a topic of the store's own. Consumers get dozens of them at once, so they are read in place.
    static func events(_ entries: RedisReply, generation: String) throws(StoreError) -> [(id: StreamID, event: TopicEvent)] {
        var events: [(id: StreamID, event: TopicEvent)] = []
        events.reserveCapacity(entries.elements?.count ?? 0)
        var fields = Fields()
        let isWhole = entries.walkEntries { name, value in
            // Only the store adds to these topics, so length and beginning tell the names apart.
            guard name.count > 1 else { return }
            switch (name.count, name[0], name[1]) {
            case (4, UInt8(ascii: "d"), _): fields.data = value.withUnsafeBufferPointer { Array($0) }
            case (4, _, UInt8(ascii: "y")): fields.type = value.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
            case (4, _, UInt8(ascii: "i")): fields.time = value.withUnsafeBufferPointer { Int(String(decoding: $0, as: UTF8.self)) }
            case (3, UInt8(ascii: "k"), _): fields.key = value.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
            case (2, UInt8(ascii: "i"), _): fields.id = value.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
            case (11, UInt8(ascii: "t"), _): fields.trace = value.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
            case (10, UInt8(ascii: "t"), _): fields.state = value.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
            default: return
            }
        } entry: { id in
            guard let type = fields.type, let data = fields.data, let milliseconds = Int(exactly: id.milliseconds),
                let seq = Int(exactly: id.sequence),
                milliseconds < 10_000_000_000_000_000, seq < 10_000_000_000_000_000
            else { return false }
            let event = TopicEvent(
                id: fields.id ?? SessionRecord.madeID(generation: generation, seq: seq), seq: seq,
                offset: TopicOffset(Offset(milliseconds: milliseconds, seq: seq)), time: Timestamp(milliseconds: fields.time ?? milliseconds),
                type: type, key: fields.key, data: JSON(checked: data),
                trace: fields.trace.flatMap { TraceContext(traceparent: $0, tracestate: fields.state) })
            events.append((id, event))
            fields = Fields()
            return true
        }
        guard isWhole else { throw StoreError.corrupt("an event of a topic") }
        return events
    }

    /// What an entry of the store's own may have.
    private struct Fields {
        var id, type, key, trace, state: String?
        var time: Int?
        var data: [UInt8]?
    }

    static func event(_ entry: RedisReply, _ kind: TopicKeys.Kind, generation: String) throws(StoreError) -> TopicEvent {
        guard let parts = entry.elements, parts.count == 2, let id = parts.first?.bytes.flatMap({ StreamID($0) }),
            let fields = parts[parts.index(after: parts.startIndex)].elements,
            let milliseconds = Int(exactly: id.milliseconds), let seq = Int(exactly: id.sequence), milliseconds < 10_000_000_000_000_000,
            seq < 10_000_000_000_000_000
        else { throw StoreError.corrupt("an event of a topic") }
        let offset = Offset(milliseconds: milliseconds, seq: seq)
        var named: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)] = []
        var rest = fields.makeIterator()
        while let name = rest.next()?.bytes, let value = rest.next()?.bytes { named.append((name, value)) }
        func bytes(_ name: StaticString) -> ArraySlice<UInt8>? {
            name.withUTF8Buffer { wanted in named.first { $0.name.elementsEqual(wanted) }?.value }
        }
        func text(_ name: StaticString) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }
        let trace = text("traceparent").flatMap { TraceContext(traceparent: $0, tracestate: text("tracestate")) }
        switch kind {
        case .own:
            guard let type = text("type"), let data = bytes("data") else { throw StoreError.corrupt("an event of a topic") }
            return TopicEvent(
                id: text("id") ?? SessionRecord.madeID(generation: generation, seq: seq), seq: seq, offset: TopicOffset(offset),
                time: Timestamp(milliseconds: text("time").flatMap { Int($0) } ?? milliseconds), type: type, key: text("key"),
                data: JSON(checked: Array(data)), trace: trace)
        case .foreign:
            let value = (bytes("data") ?? bytes("payload")).flatMap { try? JSON(Array($0)) }
            return TopicEvent(
                id: text("id") ?? id.description, seq: nil, offset: TopicOffset(offset), time: text("time").flatMap(time) ?? offset.time,
                type: text("type") ?? "", key: text("key") ?? text("sessionId"), data: value ?? object(named), trace: trace)
        }
    }

    /// A moment as publishers may write it: milliseconds, or RFC 3339.
    private static func time(_ text: String) -> Timestamp? {
        if let milliseconds = Int(text), milliseconds >= 0, milliseconds <= Timestamp.maximum.milliseconds {
            return Timestamp(milliseconds: milliseconds)
        }
        return Timestamp(text)
    }

    /// All fields as one object of texts; what is not UTF-8 is made so.
    private static func object(_ fields: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)]) -> JSON {
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in fields { writer.member(String(decoding: name, as: UTF8.self), JSON(string: String(decoding: value, as: UTF8.self))) }
        }
        return JSON(checked: writer.bytes)
    }
}

extension Offset {
    fileprivate var time: Timestamp { Timestamp(milliseconds: milliseconds) }
}
