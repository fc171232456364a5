internal import BatonCore
internal import BatonRedisClient

/// Entries of a session's stream as events. An entry's ID is `<seq>-<milliseconds>`: the seq comes first, so that an event is found by
/// its number without any index.
enum EventEntries {
    /// The events of a page, in its order. `edits` is empty when the session has none, else it has a place for each entry.
    static func events(_ entries: RedisReply, edits: RedisReply, origin: EventOrigin) throws(StoreError) -> [Event] {
        guard let edits = edits.elements else { throw StoreError.corrupt("a page of events") }
        guard !edits.isEmpty else { return try events(entries, origin: origin) }
        guard let list = entries.elements else { throw StoreError.corrupt("a page of events") }
        var events: [Event] = []
        events.reserveCapacity(list.count)
        var edit = edits.makeIterator()
        for entry in list { events.append(try event(entry, edit: edit.next()?.bytes ?? [], origin: origin)) }
        return events
    }

    /// The events of a page of a session without edits. Most reads come this way, with dozens of events, so they are read in place.
    static func events(_ entries: RedisReply, origin: EventOrigin) throws(StoreError) -> [Event] {
        var events: [Event] = []
        events.reserveCapacity(entries.elements?.count ?? 0)
        var clientID: String?
        var body: [UInt8]?
        let isWhole = entries.walkEntries { name, value in
            guard !name.isEmpty else { return }
            switch name[0] {
            case UInt8(ascii: "i"): clientID = value.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
            case UInt8(ascii: "b"): body = value.withUnsafeBufferPointer { Array($0) }
            default: return
            }
        } entry: { id in
            guard let bytes = body, let seq = Int(exactly: id.milliseconds), let milliseconds = Int(exactly: id.sequence) else { return false }
            events.append(
                Event(
                    id: clientID ?? origin.madeID(forSeq: seq), seq: seq, time: Timestamp(milliseconds: milliseconds),
                    body: JSON(checked: bytes)))
            (clientID, body) = (nil, nil)
            return true
        }
        guard isWhole else { throw StoreError.corrupt("a page of events") }
        return events
    }

    static func event(_ entry: RedisReply, edit: ArraySlice<UInt8>, origin: EventOrigin) throws(StoreError) -> Event {
        guard let parts = entry.elements, parts.count == 2, let id = parts.first?.bytes.flatMap({ place($0) }),
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
        guard var body else { throw StoreError.corrupt("an event") }
        var editedAt: Timestamp?
        if !edit.isEmpty {
            let stored = try Edit(edit)
            editedAt = stored.time
            body = stored.body
        }
        return Event(
            id: clientID ?? origin.madeID(forSeq: id.seq), seq: id.seq, time: Timestamp(milliseconds: id.milliseconds),
            editedAt: editedAt, body: JSON(checked: Array(body)))
    }

    /// The two numbers of an entry's ID. There is one for every event that is read, so they are read in place.
    private static func place(_ bytes: ArraySlice<UInt8>) -> Offset? {
        bytes.withUnsafeBufferPointer { bytes in
            var (numbers, isSecond, digits) = ((0, 0), false, 0)
            for byte in bytes {
                if byte == UInt8(ascii: "-"), !isSecond, digits > 0 {
                    (isSecond, digits) = (true, 0)
                    continue
                }
                // Seventeen digits are more than either number has, and below 2^63.
                guard byte &- 48 < 10, digits < 17 else { return nil }
                digits += 1
                if isSecond { numbers.1 = numbers.1 * 10 + Int(byte - 48) } else { numbers.0 = numbers.0 * 10 + Int(byte - 48) }
            }
            return isSecond && digits > 0 ? Offset(milliseconds: numbers.1, seq: numbers.0) : nil
        }
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
