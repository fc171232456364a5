internal import BatonCore
internal import BatonRedisClient

/// Where a topic with one stream is kept, all of it in one slot. Names behind these are made by scripts: of a group `…:g:NAME` and what stands
/// behind it.
struct TopicKeys: Sendable {
    /// What the topic is.
    enum Kind: Sendable {
        /// One of the store's own, whose entries are numbered.
        case own
        /// A stream that others write, listed in the configuration.
        case foreign
    }

    let name: String
    let kind: Kind
    /// The stream itself.
    let events: RedisKey
    /// What all other names begin with.
    private let base: [UInt8]

    /// A topic of the store's own: `P:{t:TOPIC}:…`.
    init(_ name: String, prefix: String) {
        var bytes = Array("\(prefix):{t:".utf8)
        Escaping.append(name, to: &bytes)
        bytes.append(contentsOf: "}:".utf8)
        self.name = name
        kind = .own
        base = bytes
        events = RedisKey(bytes + Array("e".utf8))
    }

    /// A stream of others at `key`; what groups of it hold is kept under the prefix, in the slot of the stream.
    init(_ name: String, stream key: String, prefix: String) {
        var bytes = Array("\(prefix):{\(TopicKeys.tag(of: key))}:f:".utf8)
        Escaping.append(key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        self.name = name
        kind = .foreign
        base = bytes
        events = RedisKey(key)
    }

    /// The part of a key that decides on its slot.
    static func tag(of key: String) -> Substring {
        guard let open = key.firstIndex(of: "{"), let close = key[key.index(after: open)...].firstIndex(of: "}"), close > key.index(after: open)
        else { return key[...] }
        return key[key.index(after: open)..<close]
    }

    private func part(_ suffix: String) -> RedisKey { RedisKey(base + Array(suffix.utf8)) }

    /// What changes when groups of the topic have something to hand out again.
    var wake: RedisKey { part("w") }

    /// What all scripts on the topic get: the stream, its record, ids, idempotency keys, groups, wake.
    var all: [RedisKey] { [events, part("m"), part("i"), part("k"), part("g"), wake] }

    /// A group.
    func group(_ name: String) -> RedisKey {
        var bytes = base + Array("g:".utf8)
        Escaping.append(name, to: &bytes)
        return RedisKey(bytes)
    }

    /// What all scripts on a group get.
    func all(group: String) -> [RedisKey] { all + [self.group(group)] }

    /// Numbers of attempts that came last, for calls that were sent again: see ``Lua/log``.
    var fences: RedisKey { part("r") }
}
