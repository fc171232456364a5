internal import BatonCore
internal import BatonHTTP

extension Route {
    static let leases: [Route] = [
        .write(
            .post, session + "/lease", "acquireLease", "Acquire the right to write the session; 409 busy while somebody else has it.",
            request: "LeaseRequest", responses: [(200, "Lease")]
        ) { api, call in
            let (request, wait) = try LeaseRequest.parsing(call.json())
            let lease = try await api.store.acquireLease(request, on: call.session(), waiting: wait).lease
            return .json { $0.lease(lease) }
        },
        .write(
            .put, session + "/lease", "renewLease", "Let the lease last longer, counted from now; 403 fenced when it is over.",
            request: "LeaseRenewal", responses: [(200, "Lease")]
        ) { api, call in
            var epoch: Int?
            var ttl: Duration?
            try ObjectReader.document(call.json(), at: "") { (field) throws(StoreError) in
                switch field.name {
                case "epoch": epoch = try field.int(in: 0...Int.max)
                case "ttl": ttl = try field.seconds()
                default: throw field.unknown(allowed: "epoch, ttl")
                }
            }
            guard let epoch, let ttl else { throw StoreError(.invalidField, "epoch and ttl are both needed") }
            let lease = try await api.store.renewLease(epoch, on: call.session(), for: ttl)
            return .json { $0.lease(lease) }
        },
        .write(
            .delete, session + "/lease", "releaseLease", "Give the lease back, or leave the line of those who wait for it.",
            parameters: [
                .query("epoch", "integer", "The epoch of the lease to give back; may stand in the body as well."),
                .query("ticket", "string", "The ticket to take out of the line."),
            ],
            request: "LeaseRelease", responses: [(204, nil)]
        ) { api, call in
            var epoch = try call.text("epoch").map { text in
                guard let epoch = Int(text), epoch >= 0 else { throw StoreError(.invalidParameter, "epoch has to be a whole number") }
                return epoch
            }
            try ObjectReader.document(call.json(), at: "", emptyAllowed: true) { (field) throws(StoreError) in
                guard field.name == "epoch" else { throw field.unknown(allowed: "epoch") }
                epoch = try field.int(in: 0...Int.max)
            }
            switch (epoch, try call.text("ticket")) {
            case (let epoch?, nil): try await api.store.releaseLease(epoch, on: call.session())
            case (nil, let ticket?): try await api.store.leaveLine(ticket, on: call.session())
            default: throw StoreError(.invalidParameter, "one of epoch and ticket is needed: what is given back")
            }
            return .noContent
        },
        .get(session + "/lease", "getLease", "The lease that is held; 204 when none is.", responses: [(200, "Lease"), (204, nil)]) { api, call in
            guard let lease = try await api.store.get(call.session()).record.lease else { return .noContent }
            return .json { $0.lease(lease) }
        },
        .write(
            .post, session + "/handoff", "handOff", "Hand the session to another agent; 409 when it has the turn already, or `from` has not.",
            parameters: [.header("Idempotency-Key", "A name for this request; with `from`, a retry under the same name stores nothing."), .epoch],
            request: "Handoff", responses: [(201, "AppendReceipt"), (200, "AppendReceipt")]
        ) { api, call in
            let handoff = try Handoff(parsing: call.json())
            let receipt = try await api.store.handOff(
                handoff, in: call.session(), idempotencyKey: call.idempotencyKey, epoch: call.epoch())
            return .json(receipt.isDuplicate ? 200 : 201) { $0.receipt(receipt) }
        },
        .get(
            session + "/handoffs", "getHandoffs", "The session's handoffs, as a page of events.",
            parameters: [
                .query("after", "string", "An offset or seq to read after."),
                .query("limit", "integer", "The most events of the page, 1 to 1000; 100 by default."),
                .query("order", "string", "asc (default): oldest first; desc: newest first."),
            ],
            responses: [(200, "EventPage")]
        ) { api, call in
            var query = EventQuery(limit: try call.int("limit", in: 1...EventQuery.maximumLimit, default: 100))
            query.filter.types = [Handoff.eventType]
            query.after = try call.text("after").map { try Cursor($0) }
            query.order = try call.choice("order", default: .asc)!
            let page = try await api.store.events(in: call.session(), query)
            return .json(reserving: 128 + page.events.reduce(0) { $0 + $1.body.bytes.count + 160 }) { $0.page(page) }
        },
    ]
}
