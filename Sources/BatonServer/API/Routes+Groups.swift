internal import BatonCore
internal import BatonHTTP

extension Route {
    private static let group = topic + "/groups/{group}"

    static let groups: [Route] = [
        .get(topic + "/groups", "listGroups", "The groups of a topic by name.", responses: [(200, "GroupList")]) { api, call in
            let groups = try await api.store.groups(of: call.variables[0])
            return .json(reserving: 32 + 512 * groups.count) { writer in
                writer.object { writer in
                    writer.name("groups")
                    writer.array { writer in
                        for group in groups { writer.group(group) }
                    }
                }
            }
        },
        .write(
            .put, group, "putGroup", "Make a group of consumers, or give the one that is there other settings; its place stays.",
            request: "GroupSettings", responses: [(201, "Group"), (200, "Group")]
        ) { api, call in
            let (settings, cursor) = try GroupSettings.parsing(call.json())
            let (group, created) = try await api.store.setGroup(call.variables[1], of: call.variables[0], settings, from: cursor)
            return .json(created ? 201 : 200) { $0.group(group) }
        },
        .get(group, "getGroup", "What is known of a group: lag, what is held and dead, consumers.", responses: [(200, "Group")]) { api, call in
            let group = try await api.store.inspect(group: call.variables[1], of: call.variables[0])
            return .json { $0.group(group) }
        },
        .write(
            .delete, group, "deleteGroup", "Delete a group with what it holds and its dead letters.", parameters: [.preference],
            responses: [(204, nil), (200, "Deletion")]
        ) { api, call in
            .deletion(try await api.store.delete(group: call.variables[1], of: call.variables[0]), call)
        },
        .write(
            .put, group + "/position", "moveGroup", "Move a group back or forward; what it holds is dropped, its dead letters stay.",
            request: "GroupPosition", responses: [(200, "Group")]
        ) { api, call in
            var cursor: TopicCursor?
            try ObjectReader.document(call.json(), at: "") { (field) throws(StoreError) in
                guard field.name == "to" else { throw field.unknown(allowed: "to") }
                cursor = try field.string().map { TopicCursor($0) }
            }
            guard let cursor else { throw StoreError(.invalidField, "to is missing; it is start, now, an offset or a time") }
            let group = try await api.store.move(group: call.variables[1], of: call.variables[0], to: cursor)
            return .json { $0.group(group) }
        },
        .write(
            .post, group + "/deliveries", "receiveDeliveries", "Hand out events to a consumer; waits for them up to `wait` seconds.",
            request: "ReceiveRequest", responses: [(200, "Deliveries")]
        ) { api, call in
            // A client that goes away while it waits leaves the line, and what was being handed out to it is given back; what an answer carried
            // that never arrived comes again when the lease is over.
            let request = try ReceiveRequest(parsing: call.json())
            let received = try await api.store.receive(
                request.limit, wait: request.wait, from: call.variables[0], as: request.consumer, in: call.variables[1])
            return .json(reserving: 64 + received.deliveries.reduce(0) { $0 + $1.event.data.bytes.count + 400 }) {
                $0.received(received, from: call.variables[0])
            }
        },
        settling("/ack", "acknowledge", .ack, "These are done and never handed out again."),
        settling("/nack", "reject", .nack, "Hand these out again, after `delay` seconds or the group's back-off."),
        settling("/extend", "extendLeases", .extend, "Hold these longer: `leaseSeconds` from now, or as long as the group's lease."),
        settling("/terminate", "terminate", .terminate, "Never hand these out again: dead letters at once."),
        settling("/release", "release", .release, "Give these back as if they had not been handed out; it uses up no attempt."),
        settling("/settlements", "settle", nil, "Settle several deliveries, each in its own way."),
        .get(
            group + "/pending", "listPending", "What a group holds and has not finished, in the order of the topic.", parameters: page,
            responses: [(200, "PendingPage")]
        ) { api, call in
            let page = try await api.store.pending(
                in: call.variables[1], of: call.variables[0], after: call.text("after"), limit: call.int("limit", in: 1...1000, default: 100))
            return .json(reserving: 64 + 192 * page.elements.count) { $0.pending(page) }
        },
        .get(
            group + "/dead", "listDeadLetters", "What a group has given up, with reasons, history and the events.", parameters: page,
            responses: [(200, "DeadLetterPage")]
        ) { api, call in
            let page = try await api.store.deadLetters(
                in: call.variables[1], of: call.variables[0], after: call.text("after"), limit: call.int("limit", in: 1...1000, default: 100))
            return .json(reserving: 64 + page.elements.reduce(0) { $0 + ($1.event?.data.bytes.count ?? 0) + 600 }) {
                $0.deadLetters(page, of: call.variables[0])
            }
        },
        .write(
            .post, group + "/dead/redrive", "redriveDeadLetters", "Put dead letters back: these, the oldest so many, or all.",
            request: "DeadLetterSelection", responses: [(200, "Count")]
        ) { api, call in
            let selection = try DeadLetterSelection.parsing(call.json(), emptyMeansAll: true)
            let count = try await api.all(selection, call) { (selection) throws(StoreError) in
                try await api.store.redrive(selection, in: call.variables[1], of: call.variables[0])
            }
            return .count(count)
        },
        .write(
            .delete, group + "/dead", "discardDeadLetters", "Remove dead letters for good: these, the oldest so many, or all.",
            request: "DeadLetterSelection", responses: [(200, "Count")]
        ) { api, call in
            // What cannot be undone has to be said.
            let selection = try DeadLetterSelection.parsing(call.json(), emptyMeansAll: false)
            let count = try await api.all(selection, call) { (selection) throws(StoreError) in
                try await api.store.discard(selection, in: call.variables[1], of: call.variables[0])
            }
            return .count(count)
        },
    ]

    private static let page: [Parameter] = [
        .query("after", "string", "The id that the page before ended with."),
        .query("limit", "integer", "The most elements, 1 to 1000; 100 by default."),
    ]

    private static func settling(_ path: String, _ operation: String, _ action: SettlementRequest.Action?, _ summary: String) -> Route {
        let schema =
            switch action {
            case nil: "Settlements"
            case .nack: "Rejection"
            case .extend: "Extension"
            case .terminate: "Termination"
            case .ack, .release: "Settlement"
            }
        return .write(.post, group + path, operation, summary, request: schema, responses: [(200, "Outcomes")]) { api, call in
            let request = try SettlementRequest(parsing: call.json(), as: action)
            let settlements = try await api.withLeases(request.settlements, call)
            let outcomes = try await api.store.settle(settlements, of: call.variables[0], as: request.consumer, in: call.variables[1])
            return .json(reserving: 32 + 64 * outcomes.count) { $0.outcomes(outcomes, of: settlements) }
        }
    }
}

extension API {
    /// Fills in the group's lease where an extension names none.
    fileprivate func withLeases(_ settlements: [Settlement], _ call: Call) async throws(StoreError) -> [Settlement] {
        guard settlements.contains(where: { $0.action == .extend(SettlementRequest.groupsLease) }) else { return settlements }
        let lease = try await store.inspect(group: call.variables[1], of: call.variables[0]).settings.leaseMilliseconds
        return settlements.map { settlement in
            settlement.action == .extend(SettlementRequest.groupsLease)
                ? Settlement(id: settlement.id, token: settlement.token, .extend(lease)) : settlement
        }
    }

    /// Does something to a selection of dead letters, or to all that are there now, the oldest first.
    fileprivate func all(
        _ selection: DeadLetterSelection?, _ call: Call, _ body: (DeadLetterSelection) async throws(StoreError) -> Int
    ) async throws(StoreError) -> Int {
        if let selection { return try await body(selection) }
        var left = try await store.inspect(group: call.variables[1], of: call.variables[0]).dead
        var count = 0
        while left > 0 {
            count += try await body(.oldest(min(left, 1000)))
            left -= 1000
        }
        return count
    }
}
