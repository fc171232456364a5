public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Makes a group, or gives the one that is there other settings.
    public func setGroup(
        _ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        switch try bus.place(of: topic) {
        case .sessions: return try await setChangesGroup(group, settings, from: cursor)
        case .stream(let keys):
            var arguments: [RedisArgument] = [moment, ""]
            arguments += try cursor.arguments()
            arguments += [
                .string(settings.numbers), settings.isOrdered ? 1 : 0, .string(Randomness.generation()), .bytes(Escaping.escaped(group)),
            ]
            var reply = try ScriptReply(topic: try await send(call(Scripts.setGroup, keys, group, arguments)))
            let isNew = try reply.int() == 1
            let found = try ConsumerGroup(group, of: topic, try reply.next())
            if try reply.int() == 1 { try await register(topic) }
            return (found, isNew)
        }
    }

    /// What is known of a group.
    public func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup {
        switch try bus.place(of: topic) {
        case .sessions: return try await changesGroup(group)
        case .stream(let keys):
            var reply = try ScriptReply(topic: try await send(call(Scripts.groupFacts, keys, group, [moment, ""])))
            return try ConsumerGroup(group, of: topic, try reply.next())
        }
    }

    /// The groups of a topic by name.
    public func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup] {
        let names: [String]
        switch try bus.place(of: topic) {
        case .sessions: names = try await changesGroupNames()
        case .stream(let keys):
            names = try groupNames(try await send(call(Scripts.groupNames, keys, "", [moment, ""])))
        }
        var groups: [ConsumerGroup] = []
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            do throws(StoreError) { groups.append(try await group(name, of: topic)) } catch { if error.code != .notFound { throw error } }
        }
        return groups
    }

    func groupNames(_ reply: RedisReply) throws(StoreError) -> [String] {
        var parts = try ScriptReply(topic: reply)
        guard let listed = try parts.next().elements else { throw StoreError.corrupt("the groups of a topic") }
        var names: [String] = []
        for (index, name) in listed.enumerated() where index.isMultiple(of: 2) {
            if let name = name.bytes.flatMap({ Escaping.name($0) }) { names.append(name) }
        }
        return names
    }

    /// Deletes a group with what it holds and its dead letters.
    public func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool {
        switch try bus.place(of: topic) {
        case .sessions: return try await deleteChangesGroup(group)
        case .stream(let keys):
            var reply = try ScriptReply(
                topic: try await send(call(Scripts.deleteGroup, keys, group, [moment, "", .bytes(Escaping.escaped(group))])))
            return try reply.int() == 1
        }
    }

    /// Moves a group to another place.
    public func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        switch try bus.place(of: topic) {
        case .sessions: return try await moveChangesGroup(group, to: cursor)
        case .stream(let keys):
            let arguments = [moment, ""] + (try cursor.arguments())
            var reply = try ScriptReply(topic: try await send(call(Scripts.moveGroup, keys, group, arguments)))
            return try ConsumerGroup(group, of: topic, try reply.next())
        }
    }

    func call(
        _ script: TopicScript, _ keys: TopicKeys, _ group: String, _ arguments: [RedisArgument], _ safety: RetrySafety = .always
    ) -> EVALSHA {
        EVALSHA(script.of(keys.kind), keys: keys.all(group: group), arguments: arguments, retrySafety: safety)
    }
}

extension GroupSettings {
    /// The numbers as a group's record has them: deliveries, lease, back-off, the longest back-off.
    var numbers: String { "\(maximumDeliveries) \(leaseMilliseconds) \(backoffMilliseconds) \(maximumBackoffMilliseconds)" }

    /// Settings as a group's record has them.
    init(record text: String) throws(StoreError) {
        let numbers = text.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 5 else { throw StoreError.corrupt("a group's settings") }
        self.init(
            maximumDeliveries: numbers[0], leaseMilliseconds: numbers[1], backoffMilliseconds: numbers[2], maximumBackoffMilliseconds: numbers[3],
            isOrdered: numbers[4] == 1)
    }
}

extension ConsumerGroup {
    /// A group of a topic with one stream, as scripts answer it.
    init(_ name: String, of topic: String, _ reply: RedisReply) throws(StoreError) {
        var parts = try GroupParts(reply)
        let lag = try parts.rest.int()
        let next = try parts.rest.bytes()
        let oldest = try [parts.first, next].filter { !$0.isEmpty }.map { (id) throws(StoreError) in try offset(ofEntry: id) }.first
        self.init(
            topic: topic, name: name, settings: parts.settings, position: TopicOffset(try offset(ofEntry: parts.position)),
            lag: min(lag, ConsumerGroup.countBound), pending: parts.pending, dead: parts.dead, lost: parts.lost,
            oldestUnfinished: oldest.map { Timestamp(milliseconds: $0.milliseconds) }, consumers: parts.consumers)
    }
}

/// What ``GroupLua/administration`` says of a group, and what its topic adds.
struct GroupParts {
    let settings: GroupSettings
    let position: ArraySlice<UInt8>
    let lost: Int
    let pending: Int
    let dead: Int
    /// The id of the first that is unfinished; empty when there is none.
    let first: ArraySlice<UInt8>
    let consumers: [ConsumerGroup.Consumer]
    var rest: ScriptReply

    init(_ reply: RedisReply) throws(StoreError) {
        rest = try ScriptReply(parts: reply)
        settings = try GroupSettings(record: try rest.text())
        position = try rest.bytes()
        lost = try rest.int()
        pending = try rest.int()
        dead = try rest.int()
        first = try rest.bytes()
        var list = try ScriptReply(parts: try rest.next())
        var consumers: [ConsumerGroup.Consumer] = []
        while let name = list.nextIfAny()?.bytes {
            let numbers = try list.text().split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 2, (0...Timestamp.maximum.milliseconds / 1000).contains(numbers[1]) else {
                throw StoreError.corrupt("a consumer of a group")
            }
            consumers.append(
                ConsumerGroup.Consumer(
                    name: String(decoding: name, as: UTF8.self), held: numbers[0], seenAt: Timestamp(milliseconds: numbers[1] * 1000)))
        }
        self.consumers = consumers.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}

extension Escaping {
    static func escaped(_ name: String) -> [UInt8] {
        var bytes: [UInt8] = []
        append(name, to: &bytes)
        return bytes
    }
}
