internal import BatonCore
internal import BatonRedisClient

/// The topic of all sessions.
extension RedisStorage {
    /// The logs that one script may use: all of them where one server keeps everything, else each on its own.
    var logGroups: [Range<Int>] { layout.isOneServer ? [0..<layout.shards] : (0..<layout.shards).map { $0..<$0 + 1 } }

    func logs(_ shards: Range<Int>) -> [RedisKey] { shards.map { layout.log($0) } }

    /// Runs a script on all logs in one round trip, and gives the answers from the first log on.
    func onLogs(
        _ script: RedisScript, _ safety: RetrySafety = .always, _ arguments: (Range<Int>) throws(StoreError) -> [RedisArgument]
    ) async throws(StoreError) -> [RedisReply] {
        var commands: [any RedisCommand] = []
        for shards in logGroups {
            commands.append(EVALSHA(script, keys: logs(shards), arguments: try arguments(shards), retrySafety: safety))
        }
        let replies = try await send(commands)
        guard replies.count == commands.count else { throw StoreError.corrupt("the answer to a pipeline") }
        return replies
    }

    /// A page of what happened in sessions.
    func changes(_ query: TopicQuery) async throws(StoreError) -> TopicPage {
        let cursors = try query.cursor.arguments(shards: layout.shards)
        var head: [RedisArgument] = [moment, RedisArgument(query.limit), RedisArgument(RedisStorage.replyBytes)]
        var start: [UInt8] = []
        if let app = query.filter.app {
            Escaping.append(app, to: &start)
            start.append(UInt8(ascii: ":"))
            if let user = query.filter.user {
                Escaping.append(user, to: &start)
                start.append(UInt8(ascii: ":"))
            }
        }
        head.append(.bytes(start))
        let letters: [RedisArgument] = LogKind.letters(of: query.filter.types).map { .bytes([$0]) }
        let names: [RedisArgument] = query.filter.keys.compactMap { SessionKey(path: $0) }.map { .bytes(layout.names(of: $0).name) }
        // What nothing can match still moves the cursor.
        for (wanted, asked) in [(letters, query.filter.types), (names, query.filter.keys)] {
            let list = wanted.isEmpty && !asked.isEmpty ? [""] : wanted
            head.append(RedisArgument(list.count))
            head += list
        }
        let settled = head
        let replies = try await onLogs(Scripts.changePage) { shards in settled + shards.flatMap { cursors[$0] } }
        guard let page = try page(replies, limit: query.limit) else { throw try await changesGone() }
        return page
    }

    /// The error for a cursor that is gone.
    func changesGone() async throws(StoreError) -> StoreError {
        let topic = try await sessionsTopic()
        return StoreError(
            .offsetGone, "the place is not in the topic any more",
            detail: .topicGone(earliest: topic.earliest, tail: topic.tail, generation: topic.generation))
    }

    /// One page out of the answers of all shards; nil when the cursor is gone in any.
    private func page(_ replies: [RedisReply], limit: Int) throws(StoreError) -> TopicPage? {
        var known: [ChangePlaces.Log] = []
        var ends: [Int] = []
        var found: [(shard: Int, item: Change)] = []
        var (isWhole, isGone) = (true, false)
        for reply in replies {
            var parts = try ScriptReply(parts: reply)
            let code = try parts.int()
            let first = known.count
            known += try ChangePlaces.logs(try parts.next())
            if code != 0 {
                isGone = true
                continue
            }
            guard let stops = try parts.next().elements else { throw StoreError.corrupt("a page of a topic") }
            for stop in stops { ends.append(stop.string.flatMap { Int($0) } ?? 0) }
            isWhole = try parts.int() == 1 && isWhole
            guard let items = try parts.next().elements else { throw StoreError.corrupt("a page of a topic") }
            for pair in items {
                var pair = try ScriptReply(parts: pair)
                let shard = first + (try pair.int()) - 1
                found.append((shard, try Change(try pair.next())))
            }
        }
        if isGone { return nil }
        if replies.count > 1 {
            // Each answer is in order already; those of one moment stay by shard.
            found = found.enumerated().sorted { ($0.element.item.time, $0.offset) < ($1.element.item.time, $1.offset) }.map(\.element)
        }
        var places = ChangePlaces(known, ends)
        if found.count > limit {
            for (shard, item) in found[limit...].reversed() { places.numbers[shard] = item.number - 1 }
            found.removeLast(found.count - limit)
            isWhole = false
        }
        // Before its first change a shard stands where it ends without any.
        var walking = places
        for (shard, item) in found.reversed() { walking.numbers[shard] = item.number - 1 }
        var events: [TopicEvent] = []
        events.reserveCapacity(found.count)
        for (shard, item) in found {
            walking.numbers[shard] = item.number
            events.append(try item.event(shard: shard, epoch: known[shard].epoch, offset: try walking.offset()))
        }
        return TopicPage(
            events: events, next: try places.offset(), tail: try ChangePlaces(known, known.map(\.last)).offset(), upToDate: isWhole)
    }

    /// What is known of the topic.
    func sessionsTopic() async throws(StoreError) -> Topic { try await changesTopic(["", ""]) }

    /// Sets how much the logs keep.
    func retainChanges(_ retention: TopicRetention) async throws(StoreError) -> Topic {
        guard retention.policy == .strict, retention.maximumBytes == nil else {
            throw StoreError(.invalidField, "the topic \(Topic.sessions) is strict, and has no limit of bytes: it holds no data of its own")
        }
        return try await changesTopic([RedisArgument(retention.maximumEvents ?? 0), RedisArgument(retention.maximumAge ?? 0)])
    }

    private func changesTopic(_ kept: [RedisArgument]) async throws(StoreError) -> Topic {
        let proposal = RedisArgument.string(Randomness.generation())
        let replies = try await onLogs(Scripts.changeFacts) { _ in [self.moment, proposal] + kept }
        var generation = ""
        var retention = TopicRetention.sessions
        var known: [ChangePlaces.Log] = []
        for reply in replies {
            var parts = try ScriptReply(topic: reply)
            let own = try parts.text()
            var limits = try ScriptReply(parts: try parts.next())
            let (events, age) = (try limits.int(), try limits.int())
            if known.isEmpty {
                generation = own
                retention.maximumEvents = events == 0 ? nil : events
                retention.maximumAge = age == 0 ? nil : age
            }
            known += try ChangePlaces.logs(try parts.next())
        }
        return Topic(
            name: Topic.sessions, count: nil, earliest: try ChangePlaces(known, known.map(\.floor)).offset(),
            tail: try ChangePlaces(known, known.map(\.last)).offset(), generation: generation, retention: retention)
    }
}

/// A change as scripts answer it.
struct Change {
    let number: Int
    let time: Int
    private let change: SessionChange
    private let key: SessionKey
    private let event: Event?
    private let removed: Int?

    init(_ reply: RedisReply) throws(StoreError) {
        var parts = try ScriptReply(parts: reply)
        guard let number = Int(try parts.text()), let letter = try parts.bytes().first, let change = LogKind.change(letter),
            let key = SessionNames.key(inLog: try parts.bytes())
        else { throw StoreError.corrupt("a change of a session") }
        self.number = number
        self.change = change
        self.key = key
        let logged = try parts.int()
        var (event, removed): (Event?, Int?) = (nil, nil)
        if change.hasEvent {
            let entry = try parts.next()
            let edit = try parts.bytes()
            event = try EventEntries.event(entry, edit: edit, origin: EventOrigin(try parts.text()))
        } else if change == .removed {
            removed = try parts.int()
        }
        self.event = event
        self.removed = removed
        time = change == .appended ? event?.time.milliseconds ?? logged : logged
    }

    func event(shard: Int, epoch: Int, offset: TopicOffset) throws(StoreError) -> TopicEvent {
        TopicEvent(
            change, of: key, event: event, removed: removed, id: TopicPlace(shard: shard, milliseconds: epoch, seq: number).text, offset: offset,
            time: Timestamp(milliseconds: time))
    }
}
