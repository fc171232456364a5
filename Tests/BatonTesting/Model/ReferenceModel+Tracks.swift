package import BatonCore

extension ReferenceModel {
    /// A track with its events.
    struct StoredTrack {
        var track: Track
        /// The events that are left, oldest first.
        var log: [Event] = []
        /// The milliseconds of every event there ever was; that of seq 1 comes first.
        var milliseconds: [Int] = []

        func isLiving(at now: Timestamp) -> Bool { track.expiresAt.map { $0 > now } ?? true }
    }

    package func append(_ batch: TrackBatch, toTrack name: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let now = model.now(for: model.sessions[index].record)
            let clock = model.clock
            let living = model.sessions[index].tracks.filter { $0.isLiving(at: clock) }
            let place = living.firstIndex { Name.isSame($0.track.name, name) }
            var stored = place.map { living[$0] } ?? StoredTrack(track: Track(name: name, generation: Randomness.generation(), tail: .start))
            let before = stored
            let entries = try stored.track.plan(for: batch.events, at: now.milliseconds) { id in
                before.log.first { Name.isSame($0.id, id) }?.offset
            } millisecondsAtSeq: {
                before.milliseconds[$0 - 1]
            }
            if entries.allSatisfy(\.isDuplicate) {
                return AppendReceipt(entries: entries, version: model.sessions[index].record.version, tail: stored.track.tail)
            }
            try model.passFence(ofSessionAt: index, batch.epoch)
            if place == nil, living.count >= Track.maximumPerSession { throw StoreError.tooManyTracks }
            for (draft, entry) in zip(batch.events, entries) where !entry.isDuplicate {
                stored.log.append(Event(id: entry.id, seq: entry.seq, time: entry.time, body: draft.body))
                stored.milliseconds.append(entry.offset.milliseconds)
                stored.track.tail = entry.offset
            }
            if let maximum = model.policy.maximumEvents, stored.log.count > maximum {
                stored.track.floor = stored.log[stored.log.count - maximum - 1].offset
                stored.log = stored.log.suffix(maximum)
            }
            if let ttl = batch.ttl { stored.track.ttl = ttl }
            stored.track.expiresAt = stored.track.ttl.map { now.adding(seconds: $0) }
            model.sessions[index].tracks = living.filter { !Name.isSame($0.track.name, name) } + [stored]
            model.recordChange(ofSessionAt: index)
            return AppendReceipt(entries: entries, version: model.sessions[index].record.version, tail: stored.track.tail)
        }
    }

    package func tracks(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList {
        try write { (model) throws(StoreError) in
            let session = model.sessions[try model.indexForReading(key)]
            let clock = model.clock
            let tracks = session.tracks.filter { $0.isLiving(at: clock) }.map { stored in
                var track = stored.track
                track.events = stored.log.suffix(events)
                return track
            }
            guard tracks.reduce(0, { $0 + $1.events.reduce(0) { $0 + $1.body.bytes.count } }) <= Track.maximumListBytes else {
                throw StoreError.trackListTooLarge
            }
            return TrackList(tracks, generation: session.record.generation)
        }
    }

    package func events(ofTrack name: String, of key: SessionKey, _ query: TrackQuery) async throws(StoreError) -> EventPage {
        try write { (model) throws(StoreError) in
            // What is refused is no reading.
            let clock = model.clock
            let stored =
                model.sessions[try model.indexForReading(key)].tracks.first { Name.isSame($0.track.name, name) && $0.isLiving(at: clock) }
                ?? StoredTrack(track: .absent(name))
            let track = stored.track
            if let cursor = query.after {
                let milliseconds =
                    (1...max(1, stored.milliseconds.count)).contains(cursor.seq) ? stored.milliseconds.dropFirst(cursor.seq - 1).first : nil
                if let refusal = track.extent.refusal(of: cursor, millisecondsAtSeq: milliseconds) { throw refusal }
            }
            let found = stored.log.filter { event in
                event.seq > query.after?.seq ?? 0 && query.since.map { event.time >= $0 } ?? true
            }
            let page = Array(found.prefix(query.limit))
            let isComplete = page.count == found.count
            return EventPage(
                events: page, next: isComplete ? track.tail : page.last?.offset, tail: track.tail, upToDate: isComplete,
                generation: track.generation)
        }
    }

    package func deleteTrack(_ name: String, of key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let clock = model.clock
            guard let place = model.sessions[index].tracks.firstIndex(where: { Name.isSame($0.track.name, name) && $0.isLiving(at: clock) }) else {
                return false
            }
            try model.passFence(ofSessionAt: index, epoch)
            model.sessions[index].tracks.remove(at: place)
            model.recordChange(ofSessionAt: index)
            return true
        }
    }
}
