internal import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// The most events that are read without a script; a script watches how many bytes come together, plain commands do not.
    private static let plainEvents = 100

    /// Reads a session with its last events by plain commands in one transaction: the server need not turn events into values of Lua and
    /// back. Nil where only the script will do: when something has been edited or rewound, when reading writes, or on a cluster.
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
        let isBranched = head[head.startIndex + 2] & SessionHead.isBranched != 0
        let origin = try EventOrigin(
            String(decoding: hash.pairs?["g"]?.bytes ?? [], as: UTF8.self), history: isBranched ? hash.pairs?["B"]?.bytes ?? [] : [])
        guard origin.rewinds.isEmpty, !origin.parts.contains(where: \.hasEdits) else { return nil }
        let now = clock?().milliseconds ?? 0
        let moment = if let clock { clock().milliseconds } else { try milliseconds(time) }
        var session = try SessionSnapshot(
            names.key, hash: hash, user: try sharedState(user, at: now), app: try sharedState(app, at: now),
            at: moment)
        if let expiresAt = session.record.expiresAt, expiresAt.milliseconds <= now { throw StoreError.noSession }
        self.time.served(session.record.tail.milliseconds)
        var events = try EventEntries.events(entries, origin: origin)
        if events.count < count, !origin.parts.isEmpty {
            guard let older = try await olderEvents(names, origin, session.record, count - events.count) else { return nil }
            events += older
        }
        // In place: a copy would count the references of every event.
        events.reverse()
        session.events = events
        return session
    }

    /// The newest events of the logs that a session took over, newest first. Nobody writes these logs any more, so they are read beside the
    /// session. Nil when one is gone: then the session does not show it any more either.
    private func olderEvents(
        _ names: SessionNames, _ origin: EventOrigin, _ record: SessionRecord, _ count: Int
    ) async throws(StoreError) -> [Event]? {
        var left = count
        var sizes: [Int] = []
        var commands: [any RedisCommand] = []
        for part in origin.parts.reversed() where left > 0 && part.last > record.floor.seq && part.first <= part.last {
            let first = max(part.first, record.floor.seq + 1, part.last - left + 1)
            let key = RedisKey(names.base + Array("h:\(part.token):e".utf8))
            commands.append(RawCommand.reading(["XREVRANGE", RedisArgument(key), RedisArgument(part.last), RedisArgument(first)], key))
            sizes.append(part.last - first + 1)
            left -= part.last - first + 1
        }
        var events: [Event] = []
        if commands.isEmpty { return events }
        for (reply, size) in zip(try await send(commands), sizes) {
            let older = try EventEntries.events(reply, origin: origin)
            guard older.count == size else { return nil }
            events += older
        }
        return events
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
