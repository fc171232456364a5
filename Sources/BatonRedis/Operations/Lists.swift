public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// A page of sessions, newest first.
    public func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        var sources = ListSource.all(for: query, layout)
        var appState: [String: JSON]?
        var sessions: [SessionSnapshot] = []
        // One more than is wanted shows whether anything is left.
        while sessions.count <= query.limit {
            let waiting = sources.indices.filter { sources[$0].needsMore }
            if !waiting.isEmpty {
                let count = ListSource.count(wanted: query.limit + 1 - sessions.count, sources: sources.count)
                var commands: [any RedisCommand] = waiting.map { sources[$0].command(query, count, self) }
                if appState == nil { commands.append(RawCommand.hash(layout.appState(query.owner.app))) }
                let replies = try await send(commands)
                guard replies.count == commands.count else { throw StoreError.corrupt("the answer to a pipeline") }
                if appState == nil { appState = try sharedState(replies[replies.count - 1], at: clock?().milliseconds ?? 0) }
                for (index, reply) in zip(waiting, replies) { try sources[index].take(reply, query) }
                continue
            }
            var newest: (index: Int, found: ListSource.Found)?
            for (index, source) in sources.enumerated() {
                guard let first = source.found.first else { continue }
                if newest.map({ $0.found.isBefore(first) }) ?? true { newest = (index, first) }
            }
            guard let newest else { break }
            sources[newest.index].found.removeFirst()
            sessions.append(newest.found.session)
        }
        var next: SessionQuery.Position?
        if sessions.count > query.limit {
            sessions.removeLast(sessions.count - query.limit)
            next = sessions.last.map { SessionQuery.Position(of: $0.record, query.order) }
        }
        for index in sessions.indices { sessions[index].state.app = appState ?? [:] }
        return SessionPage(sessions: sessions, next: next)
    }
}

/// One list that a page is merged from: a user's, or a shard's part of an application's.
struct ListSource {
    struct Found {
        let time: Int
        let member: ArraySlice<UInt8>
        let session: SessionSnapshot

        /// Whether it stands further down the list.
        func isBefore(_ other: Found) -> Bool {
            time != other.time ? time < other.time : member.lexicographicallyPrecedes(other.member)
        }
    }

    /// The list, the one in the other order, and for a user's the application's two.
    private let keys: [RedisKey]
    private let base: [UInt8]
    private let user: UserKey?
    private let app: String
    /// What was found and is not on the page yet, newest first.
    var found: ArraySlice<Found> = []
    private var isAtEnd = false
    /// Where reading goes on.
    private var score: RedisArgument = ""
    private var member: RedisArgument = ""

    /// Whether the next session of this list has to be read.
    var needsMore: Bool { found.isEmpty && !isAtEnd }

    static func all(for query: SessionQuery, _ layout: KeyLayout) -> [ListSource] {
        switch query.owner {
        case .user(let key):
            let shard = layout.shard(app: key.app, user: key.user)
            return [ListSource(query, layout.lists(of: key), layout.lists(of: key.app, shard: shard), layout.base(shard), key)]
        case .app(let app):
            return (0..<layout.shards).map { ListSource(query, layout.lists(of: app, shard: $0), nil, layout.base($0), nil) }
        }
    }

    private init(
        _ query: SessionQuery, _ own: (updated: RedisKey, created: RedisKey), _ other: (updated: RedisKey, created: RedisKey)?, _ base: [UInt8],
        _ user: UserKey?
    ) {
        keys =
            (query.order == .updated ? [own.updated, own.created] : [own.created, own.updated]) + (other.map { [$0.updated, $0.created] } ?? [])
        self.base = base
        self.user = user
        app = query.owner.app
        if let after = query.after {
            score = RedisArgument(after.time.milliseconds)
            switch user?.user.utf8 {
            case nil: member = .bytes(ListMember.of(user: after.user, id: after.id))
            case let own? where own.elementsEqual(after.user.utf8): member = .bytes(Array(after.id.utf8))
            // A position in another user's list: at its moment all of this user's sessions come after it, or none does. 255 is above all ids.
            case let own?: member = own.lexicographicallyPrecedes(after.user.utf8) ? .bytes([255]) : ""
            }
        }
    }

    /// How many sessions each of the lists is asked for. Users are spread evenly, so a little more than its share is enough of each.
    static func count(wanted: Int, sources: Int) -> Int {
        sources == 1 ? wanted : min(wanted, wanted / sources + wanted / sources / 2 + 4)
    }

    /// How many entries one script looks at in search of matches.
    private static let scanBound = 1000

    func command(_ query: SessionQuery, _ count: Int, _ storage: RedisStorage) -> EVALSHA {
        var app: [UInt8] = []
        Escaping.append(self.app, to: &app)
        var arguments: [RedisArgument] = [storage.moment, .bytes(base), .bytes(app), .string(user?.user ?? "")]
        arguments += [RedisArgument(count), RedisArgument(ListSource.scanBound), RedisArgument(RedisStorage.replyBytes), score, member]
        arguments += [query.status.map { RedisArgument($0.number) } ?? "", .string(query.activeAgent ?? ""), RedisArgument(query.events)]
        arguments += [query.createdSince, query.createdUntil].map { $0.map { RedisArgument($0.milliseconds) } ?? "" }
        arguments += query.tags.map { .string($0) }
        return EVALSHA(Scripts.list, keys: keys, arguments: arguments, retrySafety: .always)
    }

    mutating func take(_ answer: RedisReply, _ query: SessionQuery) throws(StoreError) {
        var reply = try ScriptReply(answer)
        let clock = try reply.int()
        isAtEnd = try reply.int() == 1
        let (lastScore, lastMember) = (try reply.bytes(), try reply.bytes())
        if !lastMember.isEmpty { (score, member) = (.slice(lastScore), .slice(lastMember)) }
        var sessions = try ScriptReply(parts: try reply.next())
        var users = try ScriptReply(parts: try reply.next())
        var owners: [(name: String, state: [String: JSON])] = []
        while let user = users.nextIfAny() {
            var parts = try ScriptReply(parts: user)
            owners.append((try parts.text(), try sharedState(try parts.next(), at: clock)))
        }
        var list: [Found] = []
        while let session = sessions.nextIfAny() {
            var parts = try ScriptReply(parts: session)
            let member = try parts.bytes()
            let (hash, entries, edits) = (try parts.next(), try parts.next(), try parts.next())
            let number = try parts.int()
            guard owners.indices.contains(number - 1) else { throw StoreError.corrupt("a list of sessions") }
            let owner = owners[number - 1]
            let id = user == nil ? ListMember.parse(member)?.id : String(decoding: member, as: UTF8.self)
            guard let id, let key = try? SessionKey(app: app, user: owner.name, id: id) else { throw StoreError.corrupt("a list of sessions") }
            var snapshot = try SessionSnapshot(key, hash: hash, user: owner.state, app: [:], at: clock)
            snapshot.events = try EventEntries.events(entries, edits: edits, origin: EventOrigin(hash: hash)).reversed()
            let position = SessionQuery.Position(of: snapshot.record, query.order)
            list.append(Found(time: position.time.milliseconds, member: member, session: snapshot))
        }
        found = list[...]
    }
}

extension SessionQuery.Position {
    init(of record: SessionRecord, _ order: SessionQuery.Order) {
        self.init(time: order == .updated ? record.updatedAt : record.createdAt, user: record.key.user, id: record.key.id)
    }
}

extension SessionQuery.Owner {
    var app: String {
        switch self {
        case .user(let key): key.app
        case .app(let app): app
        }
    }
}
