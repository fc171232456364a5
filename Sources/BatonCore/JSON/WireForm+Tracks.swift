// How tracks are written as JSON. Field names are part of the outer contract.

extension JSONWriter {
    /// A track; its events when they were asked for.
    package mutating func track(_ track: Track, withEvents: Bool) {
        object { writer in
            writer.name("name")
            writer.string(track.name)
            writer.name("count")
            writer.int(track.count)
            writer.name("tail")
            writer.string(track.tail.description)
            writer.name("earliest")
            writer.string(track.floor.description)
            writer.name("generation")
            writer.string(track.generation)
            writer.name("ttl")
            if let ttl = track.ttl { writer.int(ttl) } else { writer.null() }
            writer.name("expiresAt")
            if let expiresAt = track.expiresAt { writer.time(expiresAt) } else { writer.null() }
            if withEvents {
                writer.name("events")
                writer.events(track.events)
            }
        }
    }

    /// Tracks as an array.
    package mutating func tracks(_ tracks: [Track], withEvents: Bool) {
        array { writer in
            for track in tracks { writer.track(track, withEvents: withEvents) }
        }
    }
}
