internal import BatonCore
internal import BatonHTTP

extension Route {
    static let branches: [Route] = [
        .write(
            .post, session + "/fork", "forkSession", "Make a session whose history is this one's up to a place; no event is copied.",
            parameters: [.epoch], request: "NewFork", responses: [(201, "Session")]
        ) { api, call in
            let (id, draft) = try ForkDraft.parsing(call.json())
            return .created(try await api.store.fork(call.session(), draft, id: id, epoch: call.epoch()))
        },
        .write(
            .post, session + "/rewind", "rewindSession",
            "Append a rewind, after which readers see what they saw when the event at a place was the newest; nothing is deleted.",
            parameters: [.header("If-Match", "The last seq that the writer knows; 412 when it is another."), .epoch], request: "NewRewind",
            responses: [(201, "AppendReceipt")]
        ) { api, call in
            var draft = try RewindDraft(parsing: call.json())
            draft.expectedSeq = try call.expectedNumber()
            draft.epoch = try call.epoch()
            let receipt = try await api.store.rewind(call.session(), draft)
            return .json(201) { $0.receipt(receipt) }
        },
        .get(
            session + "/lineage", "getLineage", "The sessions that it descends from, and the forks of it that are there.",
            responses: [(200, "Lineage")]
        ) { api, call in
            let lineage = try await api.store.lineage(of: call.session())
            return .json(reserving: 256 + 160 * (lineage.ancestors.count + lineage.forks.count)) { $0.lineage(lineage) }
        },
        .get(
            session + "/compare", "compareSessions", "How far it goes together with another session of the same user.",
            parameters: [.query("with", "string", "The id of the other session.")], responses: [(200, "Comparison")]
        ) { api, call in
            guard let other = try call.text("with") else {
                throw StoreError(.invalidParameter, "with is missing; it is the id of the session to compare with")
            }
            let key = try call.session()
            let comparison = try await api.store.compare(key, with: SessionKey(app: key.app, user: key.user, id: other))
            return .json { $0.comparison(comparison) }
        },
    ]
}
