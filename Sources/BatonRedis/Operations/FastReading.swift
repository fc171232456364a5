internal import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// The most events that are read without a script; a script watches how many bytes come together, plain commands do not.
    private static let plainEvents = 100

    /// Reads a session with its last events by plain commands in one transaction: the server need not turn events into values of Lua and
    /// back. Nil where only the script will do: when something has been edited, when reading writes, or on a cluster.
    func plainSession(_ names: SessionNames, _ count: Int) async throws(StoreError) -> SessionSnapshot? {
        guard layout.isOneServer, !policy.readsExtendLife, count > 0, count <= RedisStorage.plainEvents else { return nil }
        let commands: [any RedisCommand] = [
            RawCommand(["MULTI"], retrySafety: .always), RawCommand.hash(names.session), RawCommand.hash(names.userState),
            RawCommand.hash(names.appState), XRANGE(names.events, count: count, descending: true),
            RawCommand(["TIME"], retrySafety: .always), RawCommand(["EXEC"], retrySafety: .always),
        ]
        guard let answer = try await transaction(commands) else { return nil }
        var parts = try ScriptReply(parts: answer)
        let (hash, user, app, entries, time) = (
            try parts.next(), try parts.next(), try parts.next(), try parts.next(), try parts.next()
        )
        // A refusal inside, such as one for a key of another type; the script says which.
        guard ![hash, user, app, entries].contains(where: { $0.error != nil }) else { return nil }
        guard hash.elements?.isEmpty == false else { throw StoreError.noSession }
        guard let head = hash.pairs?["h"]?.bytes, head.count == SessionHead.size else { throw StoreError.corrupt("a session's hash") }
        if head[head.startIndex + 2] & SessionHead.hasEdits != 0 { return nil }
        let now = clock?().milliseconds ?? 0
        let moment = if let clock { clock().milliseconds } else { try milliseconds(time) }
        var session = try SessionSnapshot(
            names.key, hash: hash, user: try sharedState(user, at: now), app: try sharedState(app, at: now),
            at: moment)
        if let expiresAt = session.record.expiresAt, expiresAt.milliseconds <= now { throw StoreError.noSession }
        self.time.served(session.record.tail.milliseconds)
        var events = try EventEntries.events(entries, generation: session.record.generation)
        // In place: a copy would count the references of every event.
        events.reverse()
        session.events = events
        return session
    }

    /// The server's time.
    private func milliseconds(_ time: RedisReply) throws(StoreError) -> Int {
        var parts = try ScriptReply(parts: time)
        let (seconds, microseconds) = (try parts.int(), try parts.int())
        return seconds * 1000 + microseconds / 1000
    }

    /// The replies of the commands between MULTI and EXEC; nil when the server refused any of it. A full server takes no transactions, but
    /// scripts that only read.
    private func transaction(_ commands: [any RedisCommand]) async throws(StoreError) -> RedisReply? {
        try checkOpen()
        do throws(RedisError) {
            guard let result = try await client.pipeline(commands).last else { return nil }
            return try result.get()
        } catch {
            if error.code == .server { return nil }
            throw StoreError(error)
        }
    }
}
