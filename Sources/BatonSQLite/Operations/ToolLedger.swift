internal import BatonCore

extension Reading {
    /// The call with this key, as it is now: one that nobody holds any more is ambiguous.
    func toolCall(_ toolKey: String, of row: SessionRow) throws(StoreError) -> ToolCall? {
        let statement = try db.statement(
            """
            SELECT key, name, arguments, status, attempt, holder, held_ms, value, created_ms, updated_ms
            FROM tool_calls WHERE session = ?1 AND key = ?2
            """)
        defer { statement.reset() }
        try statement.bind(row.pk, toolKey)
        return try statement.step() ? try statement.toolCall(at: now) : nil
    }

    /// A page in the order in which calls were first reserved.
    func toolCalls(of row: SessionRow, _ query: ToolCallQuery) throws(StoreError) -> ToolCallPage {
        let number = try query.after.map { (key) throws(StoreError) in try callNumber(key, of: row) } ?? 0
        // What is held may be ambiguous by now, so that the two are told apart after reading.
        let stored = query.status.map(\.number)
        let statement = try db.statement(
            """
            SELECT key, name, arguments, status, attempt, holder, held_ms, value, created_ms, updated_ms
            FROM tool_calls WHERE session = ?1 AND number > ?2 AND status BETWEEN ?3 AND ?4 ORDER BY number
            """)
        defer { statement.reset() }
        try statement.bind(row.pk, number, stored ?? 0, stored ?? 2)
        var page = ToolCallPage(calls: [], next: nil)
        var bytes = 0
        while try statement.step() {
            let call = try statement.toolCall(at: now)
            if let status = query.status, call.status != status { continue }
            if page.calls.count == query.limit || bytes > ToolCallPage.maximumBytes {
                page.next = page.calls.last?.key
                break
            }
            page.calls.append(call)
            bytes += call.arguments.bytes.count + (call.result?.bytes.count ?? 0) + (call.error?.bytes.count ?? 0)
        }
        return page
    }

    private func callNumber(_ toolKey: String, of row: SessionRow) throws(StoreError) -> Int {
        let statement = try db.statement("SELECT number FROM tool_calls WHERE session = ?1 AND key = ?2")
        defer { statement.reset() }
        try statement.bind(row.pk, toolKey)
        guard try statement.step() else { throw StoreError(.invalidCursor, "no tool call of the session has the key that the page begins after") }
        return statement.int(0)
    }
}

/// What a reservation gives.
struct Reserved: Sendable {
    let call: ToolCall
    let granted: Bool
}

extension Writing {
    func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int?
    ) throws(StoreError) -> Reserved {
        let reading = reading
        var row = try reading.session(key)
        let stored = try reading.toolCall(reservation.key, of: row)
        let now = row.now(reading.now)
        guard var call = try reservation.next(after: stored, at: Timestamp(milliseconds: now)) else {
            // Nothing to reserve: the stored call is the answer.
            guard let stored else { throw StoreError.noToolCall }
            return Reserved(call: stored, granted: false)
        }
        try row.fence.pass(epoch, at: reading.now)
        let granted = call.status == .reserved
        if granted { call.heldUntil = Timestamp(milliseconds: reading.now + reservation.ttlMilliseconds) }
        if stored == nil { try makeRoom(in: row) }
        try save(call, of: row, isNew: stored == nil)
        try count(&row, key, at: now)
        return Reserved(call: call, granted: granted)
    }

    func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?
    ) throws(StoreError) -> ToolCall {
        let reading = reading
        var row = try reading.session(key)
        guard let stored = try reading.toolCall(toolKey, of: row) else { throw StoreError.noToolCall }
        let now = row.now(reading.now)
        guard var call = try stored.applying(outcome, attempt: attempt, at: Timestamp(milliseconds: now)) else { return stored }
        if epoch != nil { try row.fence.pass(epoch, at: reading.now) }
        if case .extended(let milliseconds) = outcome { call.heldUntil = Timestamp(milliseconds: reading.now + milliseconds) }
        try save(call, of: row, isNew: false)
        try count(&row, key, at: now)
        return call
    }

    /// Counts a change of the session.
    private func count(_ row: inout SessionRow, _ key: SessionKey, at now: Int) throws(StoreError) {
        row.change(at: now)
        try saveProgress(row)
        hint(key)
    }

    private func save(_ call: ToolCall, of row: SessionRow, isNew: Bool) throws(StoreError) {
        let value = call.result ?? call.error
        guard isNew else {
            try db.run(
                """
                UPDATE tool_calls SET status = ?3, attempt = ?4, holder = ?5, held_ms = ?6, value = ?7, updated_ms = ?8
                WHERE session = ?1 AND key = ?2
                """, row.pk, call.key, call.status.number, call.attempt, call.holder, call.heldUntil?.milliseconds, value, call.updatedAt.milliseconds
            )
            return
        }
        try db.run(
            """
            INSERT INTO tool_calls (session, number, key, name, arguments, status, attempt, holder, held_ms, value, created_ms, updated_ms)
            VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM tool_calls WHERE session = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            """, row.pk, call.key, call.name, call.arguments, call.status.number, call.attempt, call.holder, call.heldUntil?.milliseconds, value,
            call.createdAt.milliseconds, call.updatedAt.milliseconds)
    }

    /// Forgets the oldest finished call when the session has as many as it may.
    private func makeRoom(in row: SessionRow) throws(StoreError) {
        // Numbers only grow, so few sessions ever have to be counted.
        guard try db.number("SELECT coalesce(max(number), 0) FROM tool_calls WHERE session = ?1", row.pk) >= ToolCall.maximumPerSession,
            try db.number("SELECT count(*) FROM tool_calls WHERE session = ?1", row.pk) >= ToolCall.maximumPerSession
        else { return }
        let before = db.changes
        try db.run(
            """
            DELETE FROM tool_calls WHERE session = ?1 AND number =
                (SELECT number FROM tool_calls WHERE session = ?1 AND status IN (1, 2) ORDER BY number LIMIT 1)
            """, row.pk)
        guard db.changes > before else {
            throw StoreError(.tooLarge, "the session has \(ToolCall.maximumPerSession) tool calls that are not finished; it may have no more")
        }
    }
}

extension ToolCall.Status {
    /// The number in the column `status`. A call becomes ambiguous by time alone, so it is stored as reserved.
    var number: Int {
        switch self {
        case .reserved, .ambiguous: 0
        case .completed: 1
        case .failed: 2
        }
    }
}

extension Statement {
    /// The columns of a call, from 0 on, as it is at a moment.
    func toolCall(at now: Int) throws(StoreError) -> ToolCall {
        let status: ToolCall.Status
        switch int(3) {
        case 0: status = int(6) > now ? .reserved : .ambiguous
        case 1: status = .completed
        case 2: status = .failed
        case let number: throw StoreError(.storeCorrupt, "a tool call has the unknown status \(number)")
        }
        let value = isNull(7) ? nil : json(7)
        return ToolCall(
            key: text(0), name: text(1), arguments: json(2), status: status, attempt: int(4), holder: optionalText(5),
            heldUntil: status == .reserved ? Timestamp(milliseconds: int(6)) : nil, result: status == .completed ? value : nil,
            error: status == .failed ? value : nil, createdAt: Timestamp(milliseconds: int(8)), updatedAt: Timestamp(milliseconds: int(9)))
    }
}
