/// What part of a stream is kept.
public enum StreamTrim: Sendable, Hashable {
    /// About this many newest entries, whole nodes only.
    case aboutNewest(Int)
    /// Exactly this many newest entries.
    case newest(Int)
    /// Entries from this ID on, whole nodes only.
    case aboutFrom(StreamID)
    /// Entries from this ID on.
    case from(StreamID)

    func encode(into encoder: inout RESPEncoder) {
        switch self {
        case .aboutNewest(let count):
            encoder.append("MAXLEN" as StaticString)
            encoder.append("~" as StaticString)
            encoder.append(count)
        case .newest(let count):
            encoder.append("MAXLEN" as StaticString)
            encoder.append(count)
        case .aboutFrom(let id):
            encoder.append("MINID" as StaticString)
            encoder.append("~" as StaticString)
            encoder.append(id)
        case .from(let id):
            encoder.append("MINID" as StaticString)
            encoder.append(id)
        }
    }
}

/// Appends an entry to a stream.
public struct XADD: RedisCommand {
    /// Its ID; nil when the stream had to exist and did not.
    public typealias Response = StreamID?

    /// How the ID is chosen.
    public enum ID: Sendable, Hashable {
        /// By the server's clock.
        case automatic
        /// The number by the server, the milliseconds by the caller (7.0 and later).
        case milliseconds(UInt64)
        /// By the caller. The server refuses an ID that is not above the last one.
        case explicit(StreamID)
    }

    let key: RedisKey
    let fields: [(field: RedisArgument, value: RedisArgument)]
    let id: ID
    let trim: StreamTrim?
    let mustExist: Bool

    /// Appends `fields` to `key`, and trims the stream in the same step.
    public init(
        _ key: RedisKey, _ fields: [(field: RedisArgument, value: RedisArgument)], id: ID = .automatic, trimming trim: StreamTrim? = nil,
        mustExist: Bool = false
    ) {
        self.key = key
        self.fields = fields
        self.id = id
        self.trim = trim
        self.mustExist = mustExist
    }
    /// The name.
    public var name: StaticString { "XADD" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XADD" as StaticString)
        encoder.append(key)
        if mustExist { encoder.append("NOMKSTREAM" as StaticString) }
        trim?.encode(into: &encoder)
        switch id {
        case .automatic: encoder.append("*" as StaticString)
        case .milliseconds(let milliseconds): encoder.append("\(milliseconds)-*")
        case .explicit(let id): encoder.append(id)
        }
        for (field, value) in fields {
            encoder.append(field)
            encoder.append(value)
        }
    }
}

/// One end of a range of a stream.
public enum StreamBound: Sendable, Hashable {
    /// The first entry.
    case first
    /// The last entry.
    case last
    /// This ID and beyond.
    case including(StreamID)
    /// Beyond this ID.
    case excluding(StreamID)

    func encode(into encoder: inout RESPEncoder) {
        switch self {
        case .first: encoder.append("-" as StaticString)
        case .last: encoder.append("+" as StaticString)
        case .including(let id): encoder.append(id)
        case .excluding(let id): encoder.append(id, prefix: UInt8(ascii: "("))
        }
    }
}

/// Reads a part of a stream, oldest first or newest first.
public struct XRANGE: RedisCommand {
    /// The entries.
    public typealias Response = StreamEntries
    let key: RedisKey
    let start: StreamBound
    let end: StreamBound
    let count: Int?
    let descending: Bool

    /// Reads from `start` to `end`, at most `count` entries.
    public init(
        _ key: RedisKey, from start: StreamBound = .first, to end: StreamBound = .last, count: Int? = nil, descending: Bool = false
    ) {
        self.key = key
        self.start = start
        self.end = end
        self.count = count
        self.descending = descending
    }
    /// The name.
    public var name: StaticString { descending ? "XREVRANGE" : "XRANGE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append(name)
        encoder.append(key)
        (descending ? end : start).encode(into: &encoder)
        (descending ? start : end).encode(into: &encoder)
        if let count {
            encoder.append("COUNT" as StaticString)
            encoder.append(count)
        }
    }
}

/// Counts the entries of a stream.
public struct XLEN: RedisCommand {
    /// How many there are.
    public typealias Response = Int
    let key: RedisKey

    /// Counts `key`.
    public init(_ key: RedisKey) { self.key = key }
    /// The name.
    public var name: StaticString { "XLEN" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XLEN" as StaticString)
        encoder.append(key)
    }
}

/// Removes entries of a stream.
public struct XDEL: RedisCommand {
    /// How many there were.
    public typealias Response = Int
    let key: RedisKey
    let ids: [StreamID]

    /// Removes `ids` from `key`.
    public init(_ key: RedisKey, _ ids: [StreamID]) {
        self.key = key
        self.ids = ids
    }
    /// The name.
    public var name: StaticString { "XDEL" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XDEL" as StaticString)
        encoder.append(key)
        for id in ids { encoder.append(id) }
    }
}

/// Removes the older entries of a stream. Groups are not looked at.
public struct XTRIM: RedisCommand {
    /// How many were removed.
    public typealias Response = Int
    let key: RedisKey
    let trim: StreamTrim

    /// Keeps of `key` what `trim` says.
    public init(_ key: RedisKey, keeping trim: StreamTrim) {
        self.key = key
        self.trim = trim
    }
    /// The name.
    public var name: StaticString { "XTRIM" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XTRIM" as StaticString)
        encoder.append(key)
        trim.encode(into: &encoder)
    }
}

/// Where a read of a stream starts.
public enum StreamPosition: Sendable, Hashable {
    /// After this ID.
    case after(StreamID)
    /// After what the stream ends with when the server reads the command. Asking again loses what came between; use it once.
    case end
}

/// Reads what comes after a position in one or several streams, waiting for it when asked to.
public struct XREAD: RedisCommand {
    /// The entries of each stream that had some.
    public typealias Response = StreamBatches
    let streams: [(key: RedisKey, from: StreamPosition)]
    let count: Int?
    /// How long to wait for something to come.
    public let blocks: Duration?

    /// Reads from each of `streams`, at most `count` entries of each.
    public init(_ streams: [(key: RedisKey, from: StreamPosition)], count: Int? = nil, waiting blocks: Duration? = nil) {
        self.streams = streams
        self.count = count
        self.blocks = blocks
    }
    /// The name.
    public var name: StaticString { "XREAD" }
    /// The keys.
    public var keys: [RedisKey] { streams.map(\.key) }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("XREAD" as StaticString)
        if let count {
            encoder.append("COUNT" as StaticString)
            encoder.append(count)
        }
        if let blocks {
            encoder.append("BLOCK" as StaticString)
            encoder.append(blocks.milliseconds)
        }
        encoder.append("STREAMS" as StaticString)
        for stream in streams { encoder.append(stream.key) }
        for stream in streams {
            switch stream.from {
            case .after(let id): encoder.append(id)
            case .end: encoder.append("$" as StaticString)
            }
        }
    }
}
