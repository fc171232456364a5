internal import BatonCore
internal import BatonHTTP

extension Route {
    static let events: [Route] = [
        .write(
            .post, session + "/events", "appendEvents", "Append one event or an array, all or nothing.",
            parameters: [
                .query("create", "boolean", "Create the session first when it is absent."),
                .header("If-Match", "The last seq that the writer knows; 412 when it is another."),
                .header("Idempotency-Key", "A name for this request; a retry under the same name stores nothing."),
                .epoch,
                .query("activeAgent", "string", "The agent that becomes the active one in the same step; POST …/handoff does more."),
                .query(
                    "previousAgent", "string",
                    "With activeAgent: the agent that has to be the active one; 409 when it is not. Without it nobody may be."),
                .asynchrony,
            ],
            request: "NewEvents", responses: [(201, "AppendReceipt"), (200, "AppendReceipt"), (202, "QueuedAppend")]
        ) { api, call in
            let drafts = try EventDraft.batch(parsing: call.json())
            for draft in drafts { try call.grant.checkWrite(of: draft.delta) }
            let batch = EventBatch(
                drafts, expectedSeq: try call.expectedNumber(), idempotencyKey: call.idempotencyKey, createsSession: try call.bool("create"),
                epoch: try call.epoch(), agent: try call.agentChange())
            if batch.expectedSeq == nil, batch.agent == nil, api.mayQueue(call) {
                return .queued(try await api.store.enqueue(batch, to: call.session()))
            }
            let receipt = try await api.store.append(batch, to: call.session())
            return .json(receipt.isDuplicate ? 200 : 201, reserving: 64 + 192 * receipt.entries.count) { $0.receipt(receipt) }
        },
        .get(
            session + "/events", "readEvents", "A page of events; with Accept: text/event-stream what is there, then what comes.",
            parameters: [
                .query("after", "string", "An offset or seq to read after; now: only what comes."),
                .query("before", "string", "An offset or seq to read before."),
                .query("limit", "integer", "The most events of the page, 1 to 1000; 100 by default."),
                .query("order", "string", "asc (default): oldest first; desc: newest first."),
                .query(
                    "view", "string",
                    "history (default): what the session shows; log: what rewinds have hidden, too; model: whole tool rounds only, without filters."),
                .query("roles", "string", "Only these roles, separated by commas."),
                .query("authors", "string", "Only these authors, separated by commas."),
                .query("types", "string", "Only these types, separated by commas."),
                .query("branch", "string", "Only this branch."),
                .query("since", "string", "Only events not before this time."),
                .query("until", "string", "Only events before this time."),
                .blobs,
                .query("orphans", "string", "With view=model: drop (default) leaves out halves of tool rounds, mark keeps them; both list them."),
                .header("Last-Event-ID", "Where a stream was cut; wins over after."),
            ],
            responses: [(200, "EventPage")]
        ) { api, call in
            let view = try call.choice("view", default: EventView.history)!
            let orphans = try call.choice("orphans", default: OrphanTreatment?.none)
            guard view == .model || orphans == nil else { throw StoreError(.invalidParameter, "orphans belongs to view=model") }
            let blobs = try call.blobView()
            guard blobs == .whole || !(call.wantsEventStream || view == .model) else {
                throw StoreError(.invalidParameter, "blobs=reference is for pages with view=history or view=log")
            }
            if call.wantsEventStream {
                guard view != .model else { throw StoreError(.invalidParameter, "view=model is no stream: what makes a round whole may come later") }
                return try await api.stream(call)
            }
            var query = EventQuery(filter: try call.filter())
            if let text = try call.text("after") { query.after = try await api.cursor(text, in: call.session()) }
            query.before = try call.text("before").map { try Cursor($0) }
            query.limit = try call.int("limit", in: 1...EventQuery.maximumLimit, default: 100)
            query.order = try call.choice("order", default: .asc)!
            if view == .model {
                let transcript = try await api.store.wholeRounds(in: call.session(), query, keepingOrphans: orphans == .mark)
                return .json(reserving: 128 + transcript.page.events.reduce(0) { $0 + $1.body.bytes.count + 160 }) { $0.transcript(transcript) }
            }
            query.view = view == .log ? .log : .history
            query.blobs = blobs
            let page = try await api.store.events(in: call.session(), query)
            return .json(reserving: 128 + page.events.reduce(0) { $0 + $1.body.bytes.count + 160 }) { $0.page(page) }
        },
        .get(session + "/events/{event}", "getEvent", "One event.", responses: [(200, "Event")]) { api, call in
            .event(try await api.store.event(call.variables[3], in: call.session()))
        },
        .write(
            .put, session + "/events/{event}", "replaceEvent", "Replace the content of an event; it keeps its seq and offset.",
            parameters: [.epoch], request: "EventPatch", responses: [(200, "Event")]
        ) { api, call in
            .event(try await api.store.replace(call.variables[3], in: call.session(), with: EventPatch(parsing: call.json()), epoch: call.epoch()))
        },
        .write(
            .delete, session + "/events/{event}", "deleteEvent", "Remove an event; its seq stays used.", parameters: [.preference, .epoch],
            responses: [(204, nil), (200, "Event")]
        ) { api, call in
            let removed = try await api.store.remove(call.variables[3], in: call.session(), epoch: call.epoch())
            guard let removed, call.prefersRepresentation else { return .noContent }
            return .event(removed)
        },
        .write(
            .delete, session + "/events", "clearEvents", "Forget all events; the seq goes on.", parameters: [.epoch], responses: [(204, nil)]
        ) { api, call in
            try await api.store.clear(call.session(), epoch: call.epoch())
            return .noContent
        },
        .write(
            .post, session + "/events/pop", "popEvent", "Remove the newest event and return it.", parameters: [.epoch],
            responses: [(200, "Event"), (204, nil)]
        ) { api, call in
            guard let event = try await api.store.pop(call.session(), epoch: call.epoch()) else { return .noContent }
            return .event(event)
        },
        .get(
            session + "/events/{event}/window", "getWindow", "An event and its neighbours.",
            parameters: [
                .query("before", "integer", "Neighbours before it, 0 to 1000; 5 by default."),
                .query("after", "integer", "Neighbours after it, 0 to 1000; 5 by default."),
                .query("roles", "string", "Only neighbours with one of these roles."),
            ],
            responses: [(200, "EventWindow")]
        ) { api, call in
            let window = try await api.store.window(
                around: call.variables[3], in: call.session(), before: call.int("before", in: 0...1000, default: 5),
                after: call.int("after", in: 0...1000, default: 5), roles: call.list("roles"))
            return .json { writer in
                writer.object { writer in
                    writer.name("anchor")
                    writer.string(window.anchor)
                    writer.name("events")
                    writer.events(window.events)
                }
            }
        },
    ]
}

extension API {
    /// Reads a cursor; `now` is where the session ends.
    func cursor(_ text: String, in key: SessionKey) async throws -> Cursor {
        guard text == "now" else { return try Cursor(text) }
        return .offset(try await store.get(key).record.tail)
    }
}

/// How events are shown.
private enum EventView: String, CaseIterable { case history, log, model }

/// What becomes of halves of tool rounds.
private enum OrphanTreatment: String, CaseIterable { case drop, mark }
