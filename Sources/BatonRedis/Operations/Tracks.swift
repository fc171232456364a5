public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Appends to a track.
    public func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        let names = layout.names(of: key)
        var arguments = self.arguments(names)
        arguments += [
            .string(track), .string(Randomness.generation()), batch.ttl.map { RedisArgument($0) } ?? "", RedisArgument(policy.maximumEvents ?? 0),
            RedisArgument(Track.maximumPerSession), RedisArgument(batch.events.count),
        ]
        for event in batch.events { arguments += [.string(event.id ?? ""), .bytes(event.body.bytes)] }
        var reply = try ScriptReply(try await write(Scripts.appendTrack, names.keys, arguments, epoch: batch.epoch))
        let version = try reply.int()
        let tail = try reply.offset()
        let generation = try reply.text()
        var entries: [AppendReceipt.Entry] = []
        for event in batch.events {
            let place = try reply.offset()
            let offset = Offset(milliseconds: place.milliseconds, seq: abs(place.seq))
            entries.append(
                AppendReceipt.Entry(
                    id: event.id ?? SessionRecord.madeID(generation: generation, seq: offset.seq), offset: offset, isDuplicate: place.seq < 0))
        }
        return AppendReceipt(entries: entries, version: version, tail: tail)
    }

    /// All tracks of a session.
    public func tracks(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList {
        let names = layout.names(of: key)
        let arguments =
            self.arguments(names) + [RedisArgument(events), RedisArgument(Track.maximumListBytes), policy.readsExtendLife ? 1 : 0]
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.trackList, keys: names.keys, arguments: arguments, retrySafety: .always)))
        let generation = try reply.text()
        var tracks: [Track] = []
        while let name = reply.nextIfAny()?.bytes {
            let (ttl, expires) = (try reply.int(), try reply.int())
            let (tail, floor) = (try reply.offset(), try reply.offset())
            let own = try reply.text()
            tracks.append(
                Track(
                    name: String(decoding: name, as: UTF8.self), generation: own, tail: tail, floor: floor, ttl: ttl == 0 ? nil : ttl,
                    expiresAt: expires == 0 ? nil : Timestamp(milliseconds: expires),
                    events: try EventEntries.events(try reply.next(), origin: EventOrigin(own)).reversed()))
        }
        return TrackList(tracks, generation: generation)
    }

    /// A page of a track.
    public func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery) async throws(StoreError) -> EventPage {
        let names = layout.names(of: key)
        var arguments = self.arguments(names)
        arguments += [.string(track), RedisArgument(min(query.after?.seq ?? 0, RedisStorage.maximumSeq))]
        if case .offset(let offset) = query.after { arguments.append(RedisArgument(offset.milliseconds)) } else { arguments.append("") }
        // One more than is wanted shows whether anything is left.
        arguments += [
            RedisArgument(query.limit + 1), RedisArgument(RedisStorage.replyBytes), query.since.map { RedisArgument($0.milliseconds) } ?? "",
            policy.readsExtendLife ? 1 : 0,
        ]
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.trackPage, keys: names.keys, arguments: arguments, retrySafety: .always)))
        let tail = try reply.offset()
        _ = try reply.offset()
        let generation = try reply.text()
        var events = try EventEntries.events(try reply.next(), origin: EventOrigin(generation))
        let isCut = try reply.int() == 1 || events.count > query.limit
        if events.count > query.limit { events.removeLast() }
        time.served(tail.milliseconds)
        return EventPage(events: events, next: isCut ? events.last?.offset : tail, tail: tail, upToDate: !isCut, generation: generation)
    }

    /// Deletes a track.
    public func deleteTrack(_ track: String, of key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        let names = layout.names(of: key)
        var reply = try ScriptReply(try await write(Scripts.deleteTrack, names.keys, arguments(names) + [.string(track)], epoch: epoch))
        return try reply.int() == 1
    }
}
