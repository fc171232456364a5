// How the model is written as JSON: in HTTP bodies, in streams, and by the command line. Field names are part of the
// outer contract.

extension JSONWriter {
    /// An event as one object: the store's fields, then the author's as they are.
    package mutating func event(_ event: Event) {
        object { writer in
            writer.name("id")
            writer.string(event.id)
            writer.name("seq")
            writer.int(event.seq)
            writer.name("offset")
            writer.string(event.offset.description)
            writer.name("time")
            writer.time(event.time)
            if let editedAt = event.editedAt {
                writer.name("editedAt")
                writer.time(editedAt)
            }
            writer.members(of: event.body)
        }
    }

    /// The members of an object, for an object that goes on.
    package mutating func members(of object: JSON) {
        members(object.bytes.dropFirst().dropLast())
    }

    /// A session, flat, and its events when they were asked for.
    package mutating func session(_ snapshot: SessionSnapshot, withEvents: Bool) {
        let record = snapshot.record
        object { writer in
            writer.name("app")
            writer.string(record.key.app)
            writer.name("user")
            writer.string(record.key.user)
            writer.name("id")
            writer.string(record.key.id)
            writer.name("title")
            writer.string(record.title)
            writer.name("status")
            writer.string(record.status.rawValue)
            writer.name("version")
            writer.int(record.version)
            writer.name("createdAt")
            writer.time(record.createdAt)
            writer.name("updatedAt")
            writer.time(record.updatedAt)
            writer.name("expiresAt")
            if let expiresAt = record.expiresAt { writer.time(expiresAt) } else { writer.null() }
            writer.name("ttl")
            if let ttl = record.ttl { writer.int(ttl) } else { writer.null() }
            writer.name("eventCount")
            writer.int(record.eventCount)
            writer.name("tokens")
            writer.int(record.tokens)
            writer.name("lastSeq")
            writer.int(record.lastSeq)
            writer.name("tail")
            writer.string(record.tail.description)
            writer.name("earliest")
            writer.string(record.earliest.description)
            writer.name("generation")
            writer.string(record.generation)
            writer.name("tags")
            writer.strings(record.tags)
            writer.name("metadata")
            writer.raw(record.metadata.bytes)
            writer.name("participants")
            writer.raw(record.participants.bytes)
            writer.name("activeAgent")
            writer.string(record.activeAgent)
            writer.name("parent")
            if let parent = record.parent { writer.parent(parent) } else { writer.null() }
            writer.name("lease")
            if let lease = record.lease { writer.lease(lease) } else { writer.null() }
            writer.name("leasePolicy")
            writer.string(record.leasePolicy.rawValue)
            writer.name("state")
            writer.state(snapshot.state)
            if withEvents {
                writer.name("events")
                writer.events(snapshot.events)
            }
            if let tracks = snapshot.tracks {
                writer.name("tracks")
                writer.tracks(tracks, withEvents: true)
            }
            if let summaries = snapshot.summaries {
                writer.name("summaries")
                writer.summaries(summaries)
            }
        }
    }

    /// A lease.
    package mutating func lease(_ lease: Lease) {
        object { writer in
            writer.name("holder")
            writer.string(lease.holder)
            writer.name("epoch")
            writer.int(lease.epoch)
            writer.name("expiresAt")
            writer.time(lease.expiresAt)
        }
    }

    /// The merged view of a session's state: `app:` and `user:` keys with their prefix, sorted.
    package mutating func state(_ state: SessionState) {
        object { writer in
            for (key, value) in state.app.sorted(by: { $0.key < $1.key }) { writer.member("app:" + key, value) }
            for (key, value) in state.session.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
            for (key, value) in state.user.sorted(by: { $0.key < $1.key }) { writer.member("user:" + key, value) }
        }
    }

    /// The state of one scope, sorted.
    package mutating func state(_ state: [String: JSON]) {
        object { writer in
            for (key, value) in state.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
        }
    }

    /// A page of events.
    package mutating func page(_ page: EventPage) {
        object { writer in
            writer.name("events")
            writer.events(page.events)
            writer.name("next")
            writer.string(page.next?.description)
            writer.name("tail")
            writer.string(page.tail.description)
            writer.name("upToDate")
            writer.bool(page.upToDate)
            writer.name("generation")
            writer.string(page.generation)
        }
    }

    /// What became of an append.
    package mutating func receipt(_ receipt: AppendReceipt) {
        object { writer in
            writer.name("events")
            writer.array { writer in
                for entry in receipt.entries { writer.receipt(entry) }
            }
            writer.name("version")
            writer.int(receipt.version)
            writer.name("tail")
            writer.string(receipt.tail.description)
            if let count = receipt.confirmedReplicas {
                writer.name("confirmedReplicas")
                writer.int(count)
            }
        }
    }

    /// Where one event was stored.
    package mutating func receipt(_ entry: AppendReceipt.Entry) {
        object { writer in
            writer.name("id")
            writer.string(entry.id)
            writer.name("seq")
            writer.int(entry.seq)
            writer.name("offset")
            writer.string(entry.offset.description)
            writer.name("time")
            writer.time(entry.time)
            writer.name("duplicate")
            writer.bool(entry.isDuplicate)
        }
    }

    /// Events as an array.
    package mutating func events(_ events: [Event]) {
        array { writer in
            for event in events { writer.event(event) }
        }
    }

    /// An array of strings.
    package mutating func strings(_ texts: [String]) {
        array { writer in
            for text in texts { writer.string(text) }
        }
    }
}

extension [EventDraft] {
    /// The events as an array; each body passes through as it is.
    package var wireForm: [UInt8] {
        var writer = JSONWriter(reserving: reduce(2) { $0 + $1.body.bytes.count + 160 })
        writer.array { writer in
            for event in self {
                writer.object { writer in
                    if let id = event.id {
                        writer.name("id")
                        writer.string(id)
                    }
                    writer.members(of: event.body)
                }
            }
        }
        return writer.bytes
    }
}
