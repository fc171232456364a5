internal import BatonCore

// How answers are read: members that are not known are passed over, so that a newer daemon can say more.

extension Event {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var scanner = WireScanner()
        try self.init(&scanner, bytes.span)
    }

    /// The store's fields are taken off, the author's are put together again as they were stored.
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var id: String?
        var seq: Int?
        var time: Timestamp?
        var editedAt: Timestamp?
        var body: [UInt8] = [UInt8(ascii: "{")]
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "id": id = try scanner.string(bytes)
            case "seq": seq = try scanner.int(bytes)
            case "time": time = try scanner.time(bytes)
            case "editedAt": editedAt = try scanner.time(bytes)
            case "offset": try scanner.skip(bytes)
            default:
                if body.count > 1 { body.append(UInt8(ascii: ",")) }
                body.append(contentsOf: JSON(string: name).bytes)
                body.append(UInt8(ascii: ":"))
                try scanner.append(bytes, to: &body)
            }
        }
        body.append(UInt8(ascii: "}"))
        guard let id, let seq, let time else { throw WireError.incompatible("an event without id, seq or time") }
        self.init(id: id, seq: seq, time: time, editedAt: editedAt, body: JSON(checked: body))
    }
}

extension EventPage {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var events: [Event]?
        var next: Offset?
        var tail: Offset?
        var upToDate: Bool?
        var generation: String?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "events": events = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Event(&scanner, bytes) }
            case "next": next = try scanner.offset(bytes)
            case "tail": tail = try scanner.offset(bytes)
            case "upToDate": upToDate = try scanner.bool(bytes)
            case "generation": generation = try scanner.string(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let events, let tail, let upToDate, let generation else {
            throw WireError.incompatible("a page without events, tail, upToDate or generation")
        }
        self.init(events: events, next: next, tail: tail, upToDate: upToDate, generation: generation)
    }
}

extension EventWindow {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var events: [Event]?
        var anchor: String?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "events": events = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Event(&scanner, bytes) }
            case "anchor": anchor = try scanner.string(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let events, let anchor else { throw WireError.incompatible("a window without events or anchor") }
        self.init(events: events, anchor: anchor)
    }
}

extension AppendReceipt {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var entries: [Entry]?
        var version: Int?
        var tail: Offset?
        var replicas: Int?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "events": entries = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Entry(&scanner, bytes) }
            case "version": version = try scanner.int(bytes)
            case "tail": tail = try scanner.offset(bytes)
            case "confirmedReplicas": replicas = try scanner.int(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let entries, let version, let tail else { throw WireError.incompatible("a receipt without events, version or tail") }
        self.init(entries: entries, version: version, tail: tail, confirmedReplicas: replicas)
    }
}

extension AppendReceipt.Entry {
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var id: String?
        var offset: Offset?
        var isDuplicate: Bool?
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "id": id = try scanner.string(bytes)
            case "offset": offset = try scanner.offset(bytes)
            case "duplicate": isDuplicate = try scanner.bool(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let id, let offset, let isDuplicate else { throw WireError.incompatible("a receipt without id, offset or duplicate") }
        self.init(id: id, offset: offset, isDuplicate: isDuplicate)
    }
}

/// An object of state keys and values.
enum StateObject {
    static func decode(_ bytes: [UInt8]) throws(StoreError) -> [String: JSON] {
        var state: [String: JSON] = [:]
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in state[name] = try scanner.json(bytes) }
        return state
    }
}

extension SessionState {
    /// Sorts the merged view out again by the prefixes of its keys.
    init(merged: [String: JSON]) {
        self.init()
        for (name, value) in merged {
            let (prefix, key) = StateDelta.split(name)
            switch prefix {
            case .session, .temp: session[name] = value
            case .user: user[key] = value
            case .app: app[key] = value
            }
        }
    }
}
