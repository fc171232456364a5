/// One entry of a stream: a view of the reply it came in.
public struct StreamEntry: Sendable, RedisDecodable {
    /// Its ID.
    public let id: StreamID
    /// Its fields; nil when the entry was deleted or trimmed after it had been delivered to the group
    /// (XREADGROUP from history lists such entries with a nil body).
    public let fields: RedisFields?

    /// Reads `[id, [field, value, …]]`.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let elements = reply.elements, elements.count == 2 else { throw reply.unexpected("a stream entry") }
        let second = elements.index(after: elements.startIndex)
        id = try StreamID(elements[elements.startIndex])
        let body = elements[second]
        fields = body.isNull ? nil : try RedisFields(body)
    }
}

/// Entries of a stream in the order of the reply. Checked once, then walked over without building a list: this is the way to turn a
/// large page into values of one's own.
public struct StreamEntries: Sendable, Sequence, RedisDecodable {
    let elements: RedisReply.Elements?

    /// Reads an array of entries. Null, and null in place of an entry (which XCLAIM before 7.0 answers for deleted ones), are left out.
    public init(_ reply: RedisReply) throws(RedisError) {
        if reply.isNull {
            elements = nil
            return
        }
        guard let elements = reply.elements else { throw reply.unexpected("stream entries") }
        for element in elements where !element.isNull { _ = try StreamEntry(element) }
        self.elements = elements
    }

    /// At most this many entries come: places of deleted ones are counted here and left out of the walk.
    public var maximumCount: Int { elements?.count ?? 0 }
    /// Whether there are none.
    public var isEmpty: Bool { elements?.isEmpty ?? true }

    /// Walks over the entries.
    public func makeIterator() -> Iterator { Iterator(rest: elements?.makeIterator()) }

    /// Where a walk stands.
    public struct Iterator: IteratorProtocol {
        var rest: IndexingIterator<RedisReply.Elements>?
        /// The next entry.
        public mutating func next() -> StreamEntry? {
            while let reply = rest?.next() {
                // Every entry was read once when the list was made; only places of deleted entries fail here.
                if let entry = try? StreamEntry(reply) { return entry }
            }
            return nil
        }
    }
}

/// Entries of several streams.
public struct StreamBatches: Sendable, RedisDecodable {
    /// The streams that had entries, in the order of the reply.
    public let streams: [(key: RedisKey, entries: StreamEntries)]

    /// Whether no stream had any: the wait ended, or there was nothing.
    public var isEmpty: Bool { streams.isEmpty }

    /// The entries of one stream.
    public subscript(_ key: RedisKey) -> StreamEntries? { streams.first { $0.key == key }?.entries }

    /// Reads a map (RESP3), an array of pairs (RESP2) or null (nothing came in time).
    public init(_ reply: RedisReply) throws(RedisError) {
        if reply.isNull {
            streams = []
            return
        }
        var streams: [(RedisKey, StreamEntries)] = []
        if reply.kind == .map, let pairs = reply.pairs {
            for (key, entries) in pairs { streams.append((RedisKey(try [UInt8](key)), try StreamEntries(entries))) }
        } else {
            guard let elements = reply.elements else { throw reply.unexpected("entries of streams") }
            for element in elements {
                guard let pair = element.elements, pair.count == 2 else { throw element.unexpected("a stream with its entries") }
                let second = pair.index(after: pair.startIndex)
                streams.append((RedisKey(try [UInt8](pair[pair.startIndex])), try StreamEntries(pair[second])))
            }
        }
        self.streams = streams
    }
}

/// What XAUTOCLAIM took over.
public struct ClaimedEntries: Sendable, RedisDecodable {
    /// Where to go on; ``StreamID/zero`` when the whole pending list was looked at. An empty page is not the end.
    public let cursor: StreamID
    /// The entries taken over.
    public let entries: StreamEntries
    /// IDs that were pending and whose entries are gone. The server has dropped them from the pending list: nobody will get them any
    /// more. Before Redis 7.0 always empty.
    public let deleted: [StreamID]

    /// Reads `[cursor, entries]` or, from 7.0 on, `[cursor, entries, deleted]`.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let elements = reply.elements, elements.count >= 2 else { throw reply.unexpected("claimed entries") }
        var parts = elements.makeIterator()
        guard let cursor = parts.next(), let entries = parts.next() else { throw reply.unexpected("claimed entries") }
        self.cursor = try StreamID(cursor)
        self.entries = try StreamEntries(entries)
        deleted = try parts.next().map { (ids) throws(RedisError) in try [StreamID](ids) } ?? []
    }
}

/// An entry that was delivered and not acknowledged.
public struct PendingEntry: Sendable, RedisDecodable {
    /// Its ID.
    public let id: StreamID
    /// Who has it.
    public let consumer: String
    /// Since when, in milliseconds.
    public let idleMilliseconds: Int
    /// How often it was delivered.
    public let deliveries: Int

    /// Reads `[id, consumer, idle, deliveries]`.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let elements = reply.elements, elements.count >= 4 else { throw reply.unexpected("a pending entry") }
        let parts = Array(elements)
        id = try StreamID(parts[0])
        consumer = try String(parts[1])
        idleMilliseconds = try Int(parts[2])
        deliveries = try Int(parts[3])
    }
}
