internal import BatonCore

extension TrackList {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var tracks: [Track]?
        var generation: String?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "tracks": tracks = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Track(&scanner, bytes) }
            case "generation": generation = try scanner.string(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let tracks, let generation else { throw WireError.incompatible("a list without tracks or generation") }
        self.init(tracks, generation: generation)
    }
}

extension Track {
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var name: String?
        var generation: String?
        var tail: Offset?
        var floor: Offset?
        var ttl: Int?
        var expiresAt: Timestamp?
        var events: [Event] = []
        try scanner.object(bytes) { (scanner, bytes, field) throws(StoreError) in
            switch field {
            case "name": name = try scanner.string(bytes)
            case "generation": generation = try scanner.string(bytes)
            case "tail": tail = try scanner.offset(bytes)
            case "earliest": floor = try scanner.offset(bytes)
            case "ttl": ttl = try scanner.int(bytes)
            case "expiresAt": expiresAt = try scanner.time(bytes)
            case "events": events = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Event(&scanner, bytes) }
            default: try scanner.skip(bytes)
            }
        }
        guard let name, let generation, let tail, let floor else {
            throw WireError.incompatible("a track without name, generation, tail or earliest")
        }
        self.init(name: name, generation: generation, tail: tail, floor: floor, ttl: ttl, expiresAt: expiresAt, events: events)
    }
}
