internal import BatonCore
internal import BatonHTTP

extension Route {
    private static let users = "/v1/apps/{app}/users/{user}"
    static let session = users + "/sessions/{session}"

    private static let listParameters: [Parameter] = [
        .query("limit", "integer", "The most sessions of the page, 1 to 1000; 50 by default."),
        .query("cursor", "string", "`next` of the page before."),
        .query("status", "string", "Only sessions with this status: active, paused or completed."),
        .query("tag", "string", "Only sessions with this tag; given several times: with one of them."),
        .query("activeAgent", "string", "Only sessions in which it is this agent's turn."),
        .query("createdSince", "string", "Only sessions that were not created before this time."),
        .query("createdUntil", "string", "Only sessions that were created before this time."),
        .query("order", "string", "updated (default) or created; newest first."),
        .query("events", "integer", "The last this many events of each session, 0 to 100."),
        .blobs,
    ]

    static let sessions: [Route] = [
        .write(
            .post, users + "/sessions", "createSession", "Create a session; without an id one is made.",
            parameters: [.query("ifExists", "string", "return: answer 200 with the stored session instead of 409.")],
            request: "NewSession", responses: [(201, "Session"), (200, "Session")]
        ) { api, call in
            let (id, draft) = try SessionDraft.parsing(call.json())
            try call.grant.checkWrite(of: draft.state)
            guard let id else { return .created(try await api.store.create(for: call.user(), draft)) }
            let key = try SessionKey(app: call.variables[0], user: call.variables[1], id: id)
            switch try call.text("ifExists") {
            case nil: return .created(try await api.store.create(key, draft))
            case "return":
                let (session, created) = try await api.store.findOrCreate(key, draft)
                return created ? .created(session) : .session(200, session)
            default: throw StoreError(.invalidParameter, "ifExists has to be: return")
            }
        },
        .get(
            users + "/sessions", "listSessions", "The sessions of a user, newest first.", parameters: listParameters,
            responses: [(200, "SessionPage")]
        ) { api, call in try await api.list(of: .user(call.user()), call) },
        .get(
            "/v1/apps/{app}/sessions", "listAppSessions", "The sessions of all users of an app, newest first.", parameters: listParameters,
            responses: [(200, "SessionPage")]
        ) { api, call in try await api.list(of: .app(Name.checked(call.variables[0], "app")), call) },
        .write(
            .put, session, "putSession", "Create the session if it is absent; otherwise return it unchanged.", request: "NewSession",
            responses: [(201, "Session"), (200, "Session")]
        ) { api, call in
            let key = try call.session()
            let (id, draft) = try SessionDraft.parsing(call.json())
            guard id == nil || id == key.id else { throw StoreError(.invalidField, "id differs from the one in the address; leave it out") }
            try call.grant.checkWrite(of: draft.state)
            let (session, created) = try await api.store.findOrCreate(key, draft)
            return created ? .created(session) : .session(200, session)
        },
        .get(
            session, "getSession", "The session, its merged state, and its last events.",
            parameters: [
                .query("events", "integer", "The last this many events, oldest first; 0 (default) to 1000."),
                .query("since", "string", "Only events not before this time."),
                .query("until", "string", "Only events before this time."),
                .query("roles", "string", "Only events with one of these roles, separated by commas."),
                .query("authors", "string", "Only events by one of these authors, separated by commas."),
                .query("types", "string", "Only events of one of these types, separated by commas."),
                .query("branch", "string", "Only events of this branch."),
                .blobs,
                .query("tracks", "string", "true: its tracks, too; a number, 0 to 1000: with the last this many events of each."),
                .query("summaries", "boolean", "true: its summaries, too."),
            ],
            responses: [(200, "Session")]
        ) { api, call in
            let query = SnapshotQuery(
                events: try call.int("events", in: 0...EventQuery.maximumLimit, default: 0), filter: try call.filter(), blobs: try call.blobView())
            let (tracks, summaries) = (try call.trackCount(), try call.bool("summaries"))
            return .session(200, try await api.store.get(call.session(), query, tracks: tracks, summaries: summaries), withEvents: true)
        },
        .write(
            .patch, session, "updateSession", "Change the session's own fields.",
            parameters: [.header("If-Match", "The version that the change is made on; 412 when it has moved."), .epoch], request: "SessionPatch",
            responses: [(200, "Session")]
        ) { api, call in
            let patch = try SessionPatch(parsing: call.json())
            let session = try await api.store.update(
                call.session(), with: patch, expectedVersion: call.expectedNumber(), epoch: call.epoch())
            return .session(200, session)
        },
        .write(
            .delete, session, "deleteSession", "Delete the session and everything of it; absent is fine.", parameters: [.preference, .epoch],
            responses: [(204, nil), (200, "Deletion")]
        ) { api, call in
            .deletion(try await api.store.delete(call.session(), epoch: call.epoch()), call)
        },
        .write(.post, session + "/touch", "touchSession", "Restart the session's lifetime.", responses: [(200, "Session")]) { api, call in
            .session(200, try await api.store.touch(call.session()))
        },
    ]
}

extension API {
    fileprivate func list(of owner: SessionQuery.Owner, _ call: Call) async throws -> Response {
        let order = try call.choice("order", default: SessionQuery.Order.updated)!
        var query = SessionQuery(of: owner, order: order)
        query.limit = try call.int("limit", in: 1...SessionQuery.maximumLimit, default: 50)
        query.after = try call.text("cursor").map { try SessionQuery.Position(cursor: $0, order: order) }
        query.status = try call.choice("status", default: nil)
        query.tags = call.texts("tag")
        query.activeAgent = try call.text("activeAgent")
        query.createdSince = try call.time("createdSince")
        query.createdUntil = try call.time("createdUntil")
        query.events = try call.int("events", in: 0...100, default: 0)
        query.blobs = try call.blobView()
        let page = try await store.sessions(query)
        return .json(reserving: 640 * page.sessions.count) { writer in
            writer.object { writer in
                writer.name("sessions")
                writer.array { writer in
                    for session in page.sessions { writer.session(session, withEvents: query.events > 0) }
                }
                writer.name("next")
                writer.string(page.next?.cursor(for: order))
            }
        }
    }
}

extension Call {
    /// How many events of each track are asked for with a session; `nil` for no tracks.
    fileprivate func trackCount() throws -> Int? {
        switch try text("tracks") {
        case nil, "false": nil
        case "true", "": 0
        default: try int("tracks", in: 0...EventQuery.maximumLimit, default: 0)
        }
    }
}

extension Response {
    static func created(_ session: SessionSnapshot) -> Response {
        let key = session.record.key
        let path = [key.app, key.user, key.id].map { PercentEncoding.encode($0) }
        return .session(201, session, headers: ["Location": "/v1/apps/\(path[0])/users/\(path[1])/sessions/\(path[2])"])
    }
}
