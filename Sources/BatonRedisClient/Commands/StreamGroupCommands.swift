/// Makes a consumer group, and the stream when there is none. Fails with `BUSYGROUP` when there is such a group.
public struct XGROUPCREATE: RedisCommand {
    /// Nothing.
    public typealias Response = Void
    let key: RedisKey
    let group: RedisArgument
    let position: StreamPosition
    let entriesRead: Int?

    /// Makes `group` on `key`; it reads what comes after `position`. `entriesRead` keeps the lag countable (7.0 and later).
    public init(_ key: RedisKey, group: RedisArgument, from position: StreamPosition, entriesRead: Int? = nil) {
        self.key = key
        self.group = group
        self.position = position
        self.entriesRead = entriesRead
    }
    /// The name.
    public var name: StaticString { "XGROUP CREATE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XGROUP" as StaticString)
        encoder.append("CREATE" as StaticString)
        encoder.append(key)
        encoder.append(group)
        switch position {
        case .after(let id): encoder.append(id)
        case .end: encoder.append("$" as StaticString)
        }
        encoder.append("MKSTREAM" as StaticString)
        if let entriesRead {
            encoder.append("ENTRIESREAD" as StaticString)
            encoder.append(entriesRead)
        }
    }
}

/// Removes a consumer group with its pending list.
public struct XGROUPDESTROY: RedisCommand {
    /// Whether there was such a group.
    public typealias Response = Bool
    let key: RedisKey
    let group: RedisArgument

    /// Removes `group` of `key`.
    public init(_ key: RedisKey, group: RedisArgument) {
        self.key = key
        self.group = group
    }
    /// The name.
    public var name: StaticString { "XGROUP DESTROY" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XGROUP" as StaticString)
        encoder.append("DESTROY" as StaticString)
        encoder.append(key)
        encoder.append(group)
    }
}

/// Reads entries for a consumer of a group, waiting for them when asked to.
public struct XREADGROUP: RedisCommand {
    /// The entries of each stream that had some.
    public typealias Response = StreamBatches

    /// Which entries a consumer reads.
    public enum Position: Sendable, Hashable {
        /// Those nobody of the group was given yet.
        case new
        /// The consumer's own pending entries after this ID. Never waits.
        case pending(after: StreamID)
    }

    let group: RedisArgument
    let consumer: RedisArgument
    let streams: [(key: RedisKey, from: Position)]
    let count: Int?
    /// How long to wait for something to come.
    public let blocks: Duration?
    let acknowledges: Bool

    /// Reads for `consumer` of `group` from each of `streams`. With `acknowledging`, nothing stays pending and a crash loses entries.
    public init(
        group: RedisArgument, consumer: RedisArgument, _ streams: [(key: RedisKey, from: Position)], count: Int? = nil,
        waiting blocks: Duration? = nil, acknowledging: Bool = false
    ) {
        self.group = group
        self.consumer = consumer
        self.streams = streams
        self.count = count
        self.blocks = blocks
        self.acknowledges = acknowledging
    }
    /// The name.
    public var name: StaticString { "XREADGROUP" }
    /// The keys.
    public var keys: [RedisKey] { streams.map(\.key) }
    /// A lost reply leaves its entries pending, where ``XAUTOCLAIM`` and reading one's own history find them; repeating is therefore safe
    /// unless the entries were acknowledged on the way.
    public var retrySafety: RetrySafety { acknowledges ? .ifNotSent : .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XREADGROUP" as StaticString)
        encoder.append("GROUP" as StaticString)
        encoder.append(group)
        encoder.append(consumer)
        if let count {
            encoder.append("COUNT" as StaticString)
            encoder.append(count)
        }
        if let blocks {
            encoder.append("BLOCK" as StaticString)
            encoder.append(blocks.milliseconds)
        }
        if acknowledges { encoder.append("NOACK" as StaticString) }
        encoder.append("STREAMS" as StaticString)
        for stream in streams { encoder.append(stream.key) }
        for stream in streams {
            switch stream.from {
            case .new: encoder.append(">" as StaticString)
            case .pending(let id): encoder.append(id)
            }
        }
    }
}

/// Acknowledges entries of a group. The server checks nothing else: whoever knows an ID may acknowledge it.
public struct XACK: RedisCommand {
    /// How many were pending.
    public typealias Response = Int
    let key: RedisKey
    let group: RedisArgument
    let ids: [StreamID]

    /// Acknowledges `ids` of `group` on `key`.
    public init(_ key: RedisKey, group: RedisArgument, _ ids: [StreamID]) {
        self.key = key
        self.group = group
        self.ids = ids
    }
    /// The name.
    public var name: StaticString { "XACK" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XACK" as StaticString)
        encoder.append(key)
        encoder.append(group)
        for id in ids { encoder.append(id) }
    }
}

/// Takes over entries that were pending for long.
public struct XAUTOCLAIM: RedisCommand {
    /// What was taken over.
    public typealias Response = ClaimedEntries
    let key: RedisKey
    let group: RedisArgument
    let consumer: RedisArgument
    let idle: Duration
    let cursor: StreamID
    let count: Int?

    /// Gives `consumer` what has been pending for at least `idle`, looking from `cursor` on.
    public init(
        _ key: RedisKey, group: RedisArgument, consumer: RedisArgument, idleFor idle: Duration, from cursor: StreamID = .zero, count: Int? = nil
    ) {
        self.key = key
        self.group = group
        self.consumer = consumer
        self.idle = idle
        self.cursor = cursor
        self.count = count
    }
    /// The name.
    public var name: StaticString { "XAUTOCLAIM" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XAUTOCLAIM" as StaticString)
        encoder.append(key)
        encoder.append(group)
        encoder.append(consumer)
        encoder.append(idle.milliseconds)
        encoder.append(cursor)
        if let count {
            encoder.append("COUNT" as StaticString)
            encoder.append(count)
        }
    }
}

/// Takes over named entries that were pending for long.
public struct XCLAIM: RedisCommand {
    /// The entries taken over. Those that are gone are left out.
    public typealias Response = StreamEntries
    let key: RedisKey
    let group: RedisArgument
    let consumer: RedisArgument
    let idle: Duration
    let ids: [StreamID]

    /// Gives `consumer` those of `ids` that have been pending for at least `idle`.
    public init(_ key: RedisKey, group: RedisArgument, consumer: RedisArgument, idleFor idle: Duration, _ ids: [StreamID]) {
        self.key = key
        self.group = group
        self.consumer = consumer
        self.idle = idle
        self.ids = ids
    }
    /// The name.
    public var name: StaticString { "XCLAIM" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XCLAIM" as StaticString)
        encoder.append(key)
        encoder.append(group)
        encoder.append(consumer)
        encoder.append(idle.milliseconds)
        for id in ids { encoder.append(id) }
    }
}

/// Lists what is pending in a group.
public struct XPENDING: RedisCommand {
    /// The entries, by ID.
    public typealias Response = [PendingEntry]
    let key: RedisKey
    let group: RedisArgument
    let start: StreamBound
    let end: StreamBound
    let count: Int
    let consumer: RedisArgument?
    let idle: Duration?

    /// Lists at most `count` entries of `group` from `start` to `end`, of one consumer or of all.
    public init(
        _ key: RedisKey, group: RedisArgument, from start: StreamBound = .first, to end: StreamBound = .last, count: Int,
        consumer: RedisArgument? = nil, idleFor idle: Duration? = nil
    ) {
        self.key = key
        self.group = group
        self.start = start
        self.end = end
        self.count = count
        self.consumer = consumer
        self.idle = idle
    }
    /// The name.
    public var name: StaticString { "XPENDING" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XPENDING" as StaticString)
        encoder.append(key)
        encoder.append(group)
        if let idle {
            encoder.append("IDLE" as StaticString)
            encoder.append(idle.milliseconds)
        }
        start.encode(into: &encoder)
        end.encode(into: &encoder)
        encoder.append(count)
        if let consumer { encoder.append(consumer) }
    }
}

/// What XINFO STREAM says of a stream.
public struct StreamInfo: Sendable, RedisDecodable {
    /// How many entries it has.
    public let length: Int
    /// The largest ID it ever gave out.
    public let lastID: StreamID
    /// How many groups it has.
    public let groups: Int

    /// Reads the fields; those this type does not know are left out.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let pairs = reply.pairs, let length = pairs["length"], let lastID = pairs["last-generated-id"], let groups = pairs["groups"] else {
            throw reply.unexpected("facts about a stream")
        }
        self.length = try Int(length)
        self.lastID = try StreamID(lastID)
        self.groups = try Int(groups)
    }
}

/// Asks about a stream. Fails with `ERR` when there is none.
public struct XINFOSTREAM: RedisCommand {
    /// What is known.
    public typealias Response = StreamInfo
    let key: RedisKey

    /// Asks about `key`.
    public init(_ key: RedisKey) { self.key = key }
    /// The name.
    public var name: StaticString { "XINFO STREAM" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XINFO" as StaticString)
        encoder.append("STREAM" as StaticString)
        encoder.append(key)
    }
}
