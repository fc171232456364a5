internal import BatonCore
internal import BatonRedisClient

/// Entries of a session's stream as events. An entry's ID is `<seq>-<milliseconds>`: the seq comes first, so that an event is found by
/// its number without any index.
enum EventEntries {
    /// The events of a page, in its order. `edits` is empty when the session has none, else it has a place for each entry.
    static func events(_ entries: RedisReply, edits: RedisReply, generation: String) throws(StoreError) -> [Event] {
        guard let list = entries.elements, let edits = edits.elements else { throw StoreError.corrupt("a page of events") }
        var events: [Event] = []
        events.reserveCapacity(list.count)
        var edit = edits.makeIterator()
        for entry in list { events.append(try event(entry, edit: edit.next()?.bytes ?? [], generation: generation)) }
        return events
    }

    static func event(_ entry: RedisReply, edit: ArraySlice<UInt8>, generation: String) throws(StoreError) -> Event {
        guard let parts = entry.elements, parts.count == 2, let id = parts.first?.bytes.flatMap({ StreamID($0) }),
            let fields = parts[parts.index(after: parts.startIndex)].elements
        else { throw StoreError.corrupt("an event") }
        var clientID: String?
        var body: ArraySlice<UInt8>?
        var rest = fields.makeIterator()
        while let name = rest.next()?.bytes, let value = rest.next()?.bytes {
            switch name.first {
            case UInt8(ascii: "i"): clientID = String(decoding: value, as: UTF8.self)
            case UInt8(ascii: "b"): body = value
            default: continue
            }
        }
        guard var body, let seq = Int(exactly: id.milliseconds), let milliseconds = Int(exactly: id.sequence) else {
            throw StoreError.corrupt("an event")
        }
        var editedAt: Timestamp?
        if !edit.isEmpty {
            let stored = try Edit(edit)
            editedAt = stored.time
            body = stored.body
        }
        return Event(
            id: clientID ?? SessionRecord.madeID(generation: generation, seq: seq), seq: seq, time: Timestamp(milliseconds: milliseconds),
            editedAt: editedAt, body: JSON(checked: Array(body)))
    }

    /// A replaced body as the hash of edits has it: `E`, how often the event was edited, a space, the milliseconds, a space, the body.
    struct Edit {
        let number: Int
        let time: Timestamp
        let body: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
            guard bytes.first == UInt8(ascii: "E"), let first = bytes.firstIndex(of: UInt8(ascii: " ")),
                let second = bytes[(first + 1)...].firstIndex(of: UInt8(ascii: " ")),
                let number = Int(String(decoding: bytes[(bytes.startIndex + 1)..<first], as: UTF8.self)),
                let milliseconds = Int(String(decoding: bytes[(first + 1)..<second], as: UTF8.self))
            else { throw StoreError.corrupt("an edited event") }
            self.number = number
            time = Timestamp(milliseconds: milliseconds)
            body = bytes[(second + 1)...]
        }
    }
}
