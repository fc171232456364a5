internal import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// The most events that are read without a script; a script watches how many bytes come together, plain commands do not.
    private static let plainEvents = 100

    /// Reads a session with its last events by plain commands in one transaction: the server need not turn events into values of Lua and
    /// back. Nil where only the script will do: when something has been edited or rewound, or when reading writes.
    func plainSession(_ names: SessionNames, _ count: Int) async throws(StoreError) -> SessionSnapshot? {
        guard !policy.readsExtendLife, count > 0, count <= RedisStorage.plainEvents else { return nil }
        guard let replies = try await plainReplies(names, count) else { return nil }
        let (hash, user, entries, app) = (replies.session, replies.user, replies.events, replies.app)
        guard hash.elements?.isEmpty == false else { throw StoreError.noSession }
        guard let head = hash.pairs?["h"]?.bytes, head.count == SessionHead.size else { throw StoreError.corrupt("a session's hash") }
        if head[head.startIndex + 2] & SessionHead.hasEdits != 0 { return nil }
        let isBranched = head[head.startIndex + 2] & SessionHead.isBranched != 0
        let origin = try EventOrigin(
            String(decoding: hash.pairs?["g"]?.bytes ?? [], as: UTF8.self), history: isBranched ? hash.pairs?["B"]?.bytes ?? [] : [])
        guard origin.rewinds.isEmpty, !origin.parts.contains(where: \.hasEdits) else { return nil }
        let moment = if let clock { clock().milliseconds } else { try milliseconds(replies.time) }
        // Another server's state ends by that server's clock, which takes it away.
        let appMoment = layout.isOneServer || clock != nil ? moment : 0
        var session = try SessionSnapshot(
            names.key, hash: hash, user: try sharedState(user, at: moment), app: try sharedState(app, at: appMoment), at: moment)
        if let expiresAt = session.record.expiresAt, expiresAt.milliseconds <= moment { throw StoreError.noSession }
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

    /// What a plain read is made of, as the server gave it.
    private struct PlainReplies {
        let session, user, events, time, app: RedisReply
    }

    /// Session, user's state, newest events and the time are of one moment, and where one server keeps everything the application's state too;
    /// on a cluster that is read beside them. Nil when the server refused any of it, as for a key of another type, which the script names.
    private func plainReplies(_ names: SessionNames, _ count: Int) async throws(StoreError) -> PlainReplies? {
        let events = RawCommand.reading(
            ["XREVRANGE", RedisArgument(names.events), "+", "-", "COUNT", RedisArgument(count)], names.events)
        let own: [any RedisCommand] = [
            RawCommand.hash(names.session), RawCommand.hash(names.userState), events, RawCommand(["TIME"], retrySafety: .always),
        ]
        if layout.isOneServer {
            guard let replies = try await transaction(own + [RawCommand.hash(names.appState)]) else { return nil }
            return PlainReplies(session: replies[0], user: replies[1], events: replies[2], time: replies[3], app: replies[4])
        }
        async let app = outcome(of: RawCommand.hash(names.appState))
        guard let replies = try await transaction(own) else { return nil }
        return try await PlainReplies(session: replies[0], user: replies[1], events: replies[2], time: replies[3], app: app.get())
    }

    private func outcome(of command: RawCommand) async -> Result<RedisReply, StoreError> {
        do throws(StoreError) { return .success(try await send(command)) } catch { return .failure(error) }
    }

    /// The reply of each command; nil when the server refused any of them. A full server takes no transactions, but scripts that only read.
    private func transaction(_ commands: [any RedisCommand]) async throws(StoreError) -> [RedisReply]? {
        try checkOpen()
        do throws(RedisError) {
            var replies: [RedisReply] = []
            replies.reserveCapacity(commands.count)
            for result in try await client.transaction(commands) { replies.append(try result.get()) }
            return replies
        } catch {
            // What stands in the way only now has been waited for already, and would keep a script too.
            guard error.code == .server, error.server?.isTransient != true else { throw StoreError(error) }
            return nil
        }
    }
}
