import BatonCore
import CBatonSQLite
import Testing

@testable import BatonSQLite

/// No statement may look through a table: its costs would grow with what is stored.
@Suite struct QueryPlanTests {
    /// The texts of all statements that a connection has prepared so far.
    private func statements(of db: Connection) -> [String] {
        var texts: [String] = []
        var statement = sqlite3_next_stmt(db.handle, nil)
        while let current = statement {
            texts.append(String(cString: sqlite3_sql(current)))
            statement = sqlite3_next_stmt(db.handle, current)
        }
        return texts
    }

    private func plan(of sql: String, on db: Connection) throws(StoreError) -> [String] {
        let statement = try Statement(preparing: "EXPLAIN QUERY PLAN \(sql)", on: db)
        var steps: [String] = []
        while try statement.step() { steps.append(statement.text(3)) }
        return steps
    }

    private func useEverything(_ storage: SQLiteStorage) async throws {
        var draft = SessionDraft(tags: ["t"])
        for name in ["k", "user:k", "app:k"] { try draft.state.add(name, .merge(.emptyObject)) }
        _ = try await storage.create(draft, at: key())
        let event = try EventDraft(NewEvent(.null, id: "e", stateDelta: ["k": .null, "user:l": .emptyArray]))
        _ = try await storage.append(EventBatch([event], idempotencyKey: "i"), to: key())
        _ = try await storage.append(EventBatch([event], idempotencyKey: "i"), to: key())
        _ = try await storage.append(batch(20), to: key())
        let record = try await storage.touch(key()).record
        var patch = SessionPatch()
        patch.tags = .set(["t", "u"])
        _ = try await storage.update(key(), with: patch, expectedVersion: nil)
        for filtered in [false, true] {
            var filter = EventFilter()
            if filtered {
                filter.roles = ["user", "tool"]
                filter.authors = ["x"]
                filter.branch = "b"
                filter.since = record.createdAt
            }
            _ = try await storage.session(key(), SnapshotQuery(events: 5, filter: filter))
            for order in EventQuery.Order.allCases {
                _ = try await storage.events(in: key(), EventQuery(after: .seq(13), before: .seq(19), limit: 2, order: order, filter: filter))
                _ = try await storage.events(in: key(), EventQuery(after: .seq(13), before: .seq(19), order: order, filter: filter))
            }
        }
        _ = try await storage.window(around: record.madeID(forSeq: 15), in: key(), before: 2, after: 2, roles: ["user"])
        _ = try await storage.append(EventBatch([EventDraft(NewEvent(.null, id: "f"))]), to: key())
        _ = try await storage.event("f", in: key())
        _ = try await storage.replace("f", in: key(), with: EventPatch(content: .null))
        _ = try await storage.remove("f", in: key())
        _ = try await storage.remove(nil, in: key())
        for owner in [SessionQuery.Owner.app("a"), .user(try key().owner)] {
            for order in SessionQuery.Order.allCases {
                for status in [nil, SessionRecord.Status.active, .paused] {
                    for tags in [[], ["t"], ["t", "u"]] {
                        for after in [nil, SessionQuery.Position(time: record.updatedAt, user: "u", id: "s")] {
                            var query = SessionQuery(of: owner, after: after, status: status, tags: tags, order: order, events: 1)
                            _ = try await storage.sessions(query)
                            (query.activeAgent, query.createdSince, query.createdUntil) = ("a", record.createdAt, record.updatedAt)
                            _ = try await storage.sessions(query)
                        }
                    }
                }
            }
        }
        for scope in [StateScope.session(try key()), .user(try key().owner), .app("a"), .store] {
            _ = try await storage.change(scope, [StateChange("x", .set(.null)), StateChange("x", .remove)])
            _ = try await storage.state(scope)
        }
        try await storage.checkHealth()
        try await storage.clear(key())
        _ = try await storage.delete(key())
        #expect(try await eventually { storage.gauge("has_garbage") == 0 })
    }

    @Test func everyStatementGoesAlongAnIndex() async throws {
        // Those that trim and sweep are prepared as well; in memory one connection does everything.
        let policy = StorePolicy(maximumEvents: 10)
        try await withStore(at: .memory, SQLiteConfiguration(sweepInterval: .milliseconds(1)), policy: policy) { storage in
            try await useEverything(storage)
            let plans = try await storage.write { (writing) throws(StoreError) in
                var plans: [(String, [String])] = []
                for sql in statements(of: writing.db) { plans.append((sql, try plan(of: sql, on: writing.db))) }
                return plans
            }
            #expect(plans.count > 60)
            for (sql, steps) in plans {
                for step in steps where step.hasPrefix("SCAN") {
                    // One row; the first of its key; at most one row each; no table at all; at most a thousand rows.
                    let allowed = [
                        "SCAN counters", "SCAN garbage", "SCAN leftovers", "SCAN (subquery-2)", "SCAN (subquery-4)", "SCAN (subquery-1)",
                        "SCAN (subquery-3)", "SCAN CONSTANT ROW", "SCAN (subquery-6)", "SCAN (subquery-5)",
                    ]
                    #expect(allowed.contains(step), "\(step) in \(sql)")
                }
                // Only the places of one session, two at most, and a rare tag's sessions are sorted.
                if steps.contains(where: { $0.hasPrefix("USE TEMP B-TREE") }) {
                    #expect(sql.contains("UNION ALL") || sql.contains("FROM tags t CROSS JOIN"), "\(steps) \(sql)")
                }
            }
        }
    }

    @Test func aTagThatManyHaveIsLookedForInTheList() async throws {
        try await withStore(at: .memory) { storage in
            for number in 0..<1200 {
                _ = try await storage.create(SessionDraft(tags: number % 100 == 7 ? ["common", "rare"] : ["common"]), at: key("s\(number)"))
            }
            let common = try await storage.sessions(SessionQuery(of: .app("a"), limit: 1000, tags: ["common"]))
            #expect(common.sessions.count == 1000 && common.next != nil)
            let rest = try await storage.sessions(SessionQuery(of: .app("a"), limit: 1000, after: common.next, tags: ["common"]))
            #expect(rest.sessions.count == 200 && rest.next == nil)
            #expect(Set((common.sessions + rest.sessions).map(\.record.key)).count == 1200)
            let rare = try await storage.sessions(SessionQuery(of: .user(key().owner), tags: ["rare"]))
            #expect(rare.sessions.count == 12)
            #expect(rare.sessions.map(\.record) == (common.sessions + rest.sessions).map(\.record).filter { $0.tags.contains("rare") })
        }
    }
}
