internal import BatonCore
internal import BatonHTTP

extension Route {
    static let tracks: [Route] = [
        .get(
            session + "/tracks", "listTracks", "The tracks of a session, by name: logs beside its events.",
            parameters: [.query("events", "integer", "The last this many events of each, oldest first; 0 (default) to 1000.")],
            responses: [(200, "TrackList")]
        ) { api, call in
            let count = try call.int("events", in: 0...EventQuery.maximumLimit, default: 0)
            let list = try await api.store.trackList(of: call.session(), last: count)
            return .json(reserving: 256 + list.tracks.reduce(0) { $0 + 256 + $1.events.reduce(0) { $0 + $1.body.bytes.count + 160 } }) { writer in
                writer.object { writer in
                    writer.name("tracks")
                    writer.tracks(list.tracks, withEvents: count > 0)
                    writer.name("generation")
                    writer.string(list.generation)
                }
            }
        },
        .write(
            .post, session + "/tracks/{track}", "appendTrack",
            "Append one event or an array to a track, all or nothing; it is made when it is not there. An event with a known id stores nothing.",
            parameters: [
                .query(
                    "ttl", "integer",
                    "How many seconds the track lives after this and later writes; as it was when absent, which is as long as its session at first."),
                .epoch, .asynchrony,
            ], request: "NewTrackEvents", responses: [(201, "AppendReceipt"), (200, "AppendReceipt"), (202, "QueuedAppend")]
        ) { api, call in
            let ttl = try call.text("ttl") == nil ? nil : call.int("ttl", in: 1...SessionDraft.maximumTTL, default: 0)
            let batch = TrackBatch(try EventDraft.batch(parsing: call.json()), ttl: ttl, epoch: try call.epoch())
            if api.mayQueue(call) {
                return .queued(try await api.store.enqueue(batch, toTrack: call.variables[3], of: call.session()))
            }
            let receipt = try await api.store.append(batch, toTrack: call.variables[3], of: call.session())
            return .json(receipt.isDuplicate ? 200 : 201, reserving: 64 + 192 * receipt.entries.count) { $0.receipt(receipt) }
        },
        .get(
            session + "/tracks/{track}", "readTrack",
            "A page of a track, oldest first, empty when nobody wrote to it; with Accept: text/event-stream what is there, then what comes.",
            parameters: [
                .query("after", "string", "An offset or seq to read after; now: only what comes."),
                .query("limit", "integer", "The most events of the page, 1 to 1000; 100 by default."),
                .query("since", "string", "Only events not before this time."),
                .header("Last-Event-ID", "Where a stream was cut; wins over after."),
            ], responses: [(200, "EventPage")]
        ) { api, call in
            if call.wantsEventStream { return try await api.streamTrack(call) }
            let page = try await api.store.events(
                ofTrack: call.variables[3], of: call.session(),
                TrackQuery(
                    after: api.trackCursor(call, call.text("after")), limit: call.int("limit", in: 1...EventQuery.maximumLimit, default: 100),
                    since: call.time("since")))
            return .json(reserving: 128 + page.events.reduce(0) { $0 + $1.body.bytes.count + 160 }) { $0.page(page) }
        },
        .write(
            .delete, session + "/tracks/{track}", "deleteTrack", "Delete a track; absent is fine.", parameters: [.preference, .epoch],
            responses: [(204, nil), (200, "Deletion")]
        ) { api, call in
            let wasThere = try await api.store.deleteTrack(call.variables[3], of: call.session(), epoch: call.epoch())
            guard wasThere, call.prefersRepresentation else { return .noContent }
            return .json { writer in
                writer.object { writer in
                    writer.name("deleted")
                    writer.bool(true)
                }
            }
        },
    ]
}

extension API {
    /// Reads a cursor; `now` is where the track ends.
    fileprivate func trackCursor(_ call: Call, _ text: String?) async throws -> Cursor? {
        guard let text else { return nil }
        guard text == "now" else { return try Cursor(text) }
        let (session, name) = (try call.session(), call.variables[3])
        // Any page says where the track ends.
        return .offset(try await store.events(ofTrack: name, of: session, TrackQuery(limit: 1)).tail)
    }

    /// Answers with a track's events as they come.
    fileprivate func streamTrack(_ call: Call) async throws -> Response {
        for name in ["limit", "since"] where try call.text(name) != nil {
            throw StoreError(.invalidParameter, "\(name) does not go with a stream; use after")
        }
        let (session, name) = (try call.session(), call.variables[3])
        let last = call.request.headers["Last-Event-ID"].flatMap { $0.isEmpty ? nil : $0 }
        let cursor = try await trackCursor(call, last ?? call.text("after"))
        return try await stream { () throws(StoreError) in try await self.store.follower(ofTrack: name, of: session, after: cursor ?? .seq(0)) }
    }
}
