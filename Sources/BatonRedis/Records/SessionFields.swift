internal import BatonCore
internal import BatonRedisClient

/// The numbers of a session as its hash has them in the field `h`: three bytes, then ten numbers of six bytes, the highest byte first.
struct SessionHead {
    let status: SessionRecord.Status
    let version: Int
    let tail: Offset
    let floor: Offset
    let count: Int
    let created: Int
    let updated: Int
    let ttl: Int
    let expires: Int

    static let size = 63
    /// The bit in the third byte that says that events were edited or removed.
    static let hasEdits: UInt8 = 2
    /// The bit in the third byte that says that the history is put together from several logs, or has rewinds.
    static let isBranched: UInt8 = 16

    init(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
        guard bytes.count == SessionHead.size, bytes.first == 1 else { throw StoreError.corrupt("a session's head") }
        switch bytes[bytes.startIndex + 1] {
        case 0: status = .active
        case 1: status = .paused
        case 2: status = .completed
        default: throw StoreError.corrupt("a session's status")
        }
        func number(_ index: Int) -> Int {
            let start = bytes.startIndex + 3 + 6 * index
            return bytes[start..<start + 6].reduce(0) { $0 << 8 | Int($1) }
        }
        version = number(0)
        tail = Offset(milliseconds: number(2), seq: number(1))
        floor = Offset(milliseconds: number(4), seq: number(3))
        count = number(5)
        created = number(6)
        updated = number(7)
        ttl = number(8)
        expires = number(9)
    }
}

extension SessionRecord.Status {
    /// The number in the head.
    var number: Int {
        switch self {
        case .active: 0
        case .paused: 1
        case .completed: 2
        }
    }
}

/// Tags as one value: each as its length in bytes, a colon, and its text.
enum Tags {
    static func encoded(_ tags: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for tag in tags {
            bytes.append(contentsOf: "\(tag.utf8.count):".utf8)
            bytes.append(contentsOf: tag.utf8)
        }
        return bytes
    }

    static func decoded(_ bytes: ArraySlice<UInt8>) throws(StoreError) -> [String] {
        var tags: [String] = []
        var rest = bytes
        while !rest.isEmpty {
            guard let colon = rest.firstIndex(of: UInt8(ascii: ":")), let length = Int(String(decoding: rest[..<colon], as: UTF8.self)),
                length >= 0, length <= rest.endIndex - colon - 1
            else { throw StoreError.corrupt("a session's tags") }
            tags.append(String(decoding: rest[(colon + 1)..<(colon + 1 + length)], as: UTF8.self))
            rest = rest[(colon + 1 + length)...]
        }
        return tags
    }
}

extension SessionSnapshot {
    /// The snapshot that a script answered: the clock, and three hashes.
    init(_ key: SessionKey, _ reply: RedisReply) throws(StoreError) {
        var parts = try ScriptReply(parts: reply)
        let clock = try parts.int()
        try self.init(
            key, hash: try parts.next(), user: try sharedState(try parts.next(), at: clock), app: try sharedState(try parts.next(), at: clock),
            at: clock)
    }

    /// A session as its hash says at a moment, with the state that others share.
    init(_ key: SessionKey, hash: RedisReply, user: [String: JSON], app: [String: JSON], at clock: Int) throws(StoreError) {
        guard let pairs = hash.pairs else { throw StoreError.corrupt("a session's hash") }
        var head: SessionHead?
        var generation: String?
        var title: String?
        var tags: [String] = []
        var metadata = JSON.emptyObject
        var participants = JSON.emptyArray
        var activeAgent: String?
        var fence = Fence()
        var parent: BranchPoint?
        var tokens = 0
        var state: [String: JSON] = [:]
        for (name, value) in pairs {
            guard let name = name.bytes, let value = value.bytes else { throw StoreError.corrupt("a session's hash") }
            if name.first == UInt8(ascii: ".") {
                state[String(decoding: name.dropFirst(), as: UTF8.self)] = JSON(checked: Array(value))
                continue
            }
            guard name.count == 1, let letter = name.first else { continue }
            switch letter {
            case SessionField.head: head = try SessionHead(value)
            case SessionField.generation: generation = String(decoding: value, as: UTF8.self)
            case SessionField.title: title = String(decoding: value, as: UTF8.self)
            case SessionField.tags: tags = try Tags.decoded(value)
            case SessionField.metadata: metadata = JSON(checked: Array(value))
            case SessionField.participants: participants = JSON(checked: Array(value))
            case SessionField.activeAgent: activeAgent = String(decoding: value, as: UTF8.self)
            case SessionField.lease: fence = try Fence(stored: value)
            case SessionField.tokens: tokens = value.reduce(0) { (0x30...0x39).contains($1) ? $0 &* 10 &+ Int($1 - 0x30) : $0 }
            case SessionField.ancestors: parent = try BranchPoint.list(value).first
            default: continue
            }
        }
        guard let head, let generation else { throw StoreError.corrupt("a session's hash") }
        self.init(
            record: SessionRecord(
                key: key, title: title, status: head.status, version: head.version, createdAt: Timestamp(milliseconds: head.created),
                updatedAt: Timestamp(milliseconds: head.updated), expiresAt: head.expires == 0 ? nil : Timestamp(milliseconds: head.expires),
                ttl: head.ttl == 0 ? nil : head.ttl, eventCount: head.count, tail: head.tail, floor: head.floor, generation: generation,
                tags: tags, metadata: metadata, participants: participants, activeAgent: activeAgent, lease: fence.lease(at: clock),
                leasePolicy: fence.policy, parent: parent, tokens: tokens),
            state: SessionState(session: state, user: user, app: app))
    }
}

/// The fields of a session's hash that are not state.
enum SessionField {
    static let head = UInt8(ascii: "h")
    static let generation = UInt8(ascii: "g")
    static let title = UInt8(ascii: "T")
    static let tags = UInt8(ascii: "G")
    static let metadata = UInt8(ascii: "M")
    static let participants = UInt8(ascii: "P")
    static let activeAgent = UInt8(ascii: "A")
    static let lease = UInt8(ascii: "L")
    static let history = UInt8(ascii: "B")
    static let ancestors = UInt8(ascii: "F")
    static let tokens = UInt8(ascii: "N")
}

// What is known of a session's leases: one byte for the policy, epoch and end in six bytes each, the highest byte first, then the holder.
extension Fence {
    init(stored bytes: ArraySlice<UInt8>) throws(StoreError) {
        guard bytes.count >= 13, let policy = bytes.first, policy < 2 else { throw StoreError.corrupt("a session's lease") }
        func number(_ index: Int) -> Int {
            let start = bytes.startIndex + 1 + 6 * index
            return bytes[start..<start + 6].reduce(0) { $0 << 8 | Int($1) }
        }
        self.init(
            policy: policy == 0 ? .exclusive : .advisory, epoch: number(0), holder: String(decoding: bytes.dropFirst(13), as: UTF8.self),
            expires: number(1))
    }

    /// The fence of a new session with this policy.
    static func stored(_ policy: LeasePolicy) -> [UInt8] { [policy.number] + [UInt8](repeating: 0, count: 12) }
}

extension LeasePolicy {
    /// The number in the field.
    var number: UInt8 { self == .exclusive ? 0 : 1 }
}

/// The state of a user, an application or the store; empty when it has expired. The field without name says when it does.
func sharedState(_ hash: RedisReply, at clock: Int) throws(StoreError) -> [String: JSON] {
    guard let pairs = hash.pairs else { throw StoreError.corrupt("a state") }
    var state: [String: JSON] = [:]
    for (name, value) in pairs {
        guard let bytes = name.bytes, let content = value.bytes else { throw StoreError.corrupt("a state") }
        if bytes.isEmpty {
            guard let expires = value.integer else { throw StoreError.corrupt("the expiry of a state") }
            if Int(expires) <= clock { return [:] }
        } else {
            state[String(decoding: bytes, as: UTF8.self)] = JSON(checked: Array(content))
        }
    }
    return state
}

extension EventOrigin {
    /// The origin of a session's events, out of its hash.
    init(hash: RedisReply) throws(StoreError) {
        let pairs = hash.pairs
        guard let generation = pairs?["g"]?.bytes else { throw StoreError.corrupt("a session's hash") }
        try self.init(String(decoding: generation, as: UTF8.self), history: pairs?["B"]?.bytes ?? [])
    }
}
