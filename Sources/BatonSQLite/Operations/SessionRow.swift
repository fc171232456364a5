internal import BatonCore

/// What a session's row holds: what every operation needs and every append changes.
struct SessionRow {
    /// The number that everything of the session carries; never given out twice.
    let pk: Int
    let key: SessionKey
    var status: SessionRecord.Status
    var version: Int
    var createdAt: Int
    var updatedAt: Int
    /// `Int.max` for never.
    var expiresAt: Int
    var ttl: Int?
    var events: Int
    var tail: Offset
    var floor: Offset
    /// How many idempotency keys it has been given.
    var requests: Int
    let generation: String
    var fence: Fence
    /// The number that its new events carry.
    var log: Int
    /// What its history is put together from; `nil` when it shows its own log and nothing else.
    var segments: Segments?

    /// About how many tokens were ever appended.
    var tokens = 0

    /// Never.
    static let never = Int.max

    /// When something that lives `ttl` seconds from `now` on vanishes.
    static func expiry(_ ttl: Int?, from now: Int) -> Int {
        ttl.map { Timestamp(milliseconds: now).adding(seconds: $0).milliseconds } ?? never
    }

    /// Now for this session: never before its last change or its newest event, whatever the clock does.
    func now(_ clock: Int) -> Int { max(clock, updatedAt, tail.milliseconds) }

    /// Counts a change at `now`.
    mutating func change(at now: Int) {
        version += 1
        updatedAt = now
        expiresAt = SessionRow.expiry(ttl, from: now)
    }

    func record(_ profile: SessionProfile, at now: Int) -> SessionRecord {
        SessionRecord(
            key: key, title: profile.title, status: status, version: version, createdAt: Timestamp(milliseconds: createdAt),
            updatedAt: Timestamp(milliseconds: updatedAt),
            expiresAt: expiresAt == SessionRow.never ? nil : Timestamp(milliseconds: expiresAt), ttl: ttl, eventCount: events, tail: tail,
            floor: floor, generation: generation, tags: profile.tags, metadata: profile.metadata, participants: profile.participants,
            activeAgent: profile.activeAgent, lease: fence.lease(at: now), leasePolicy: fence.policy, parent: segments?.ancestors.first,
            tokens: tokens)
    }
}

/// What hardly ever changes of a session, and may be large.
struct SessionProfile {
    var title: String?
    var activeAgent: String?
    var tags: [String] = []
    var metadata = JSON.emptyObject
    var participants = JSON.emptyArray

    var encodedTags: JSON {
        var writer = JSONWriter()
        writer.array { writer in
            for tag in tags { writer.string(tag) }
        }
        return JSON(checked: writer.bytes)
    }
}

extension SessionRecord.Status {
    /// The number in the column `status`; the indexes of what was set aside rely on `active` being 0.
    var number: Int {
        switch self {
        case .active: 0
        case .paused: 1
        case .completed: 2
        }
    }

    init(number: Int) throws(StoreError) {
        switch number {
        case 0: self = .active
        case 1: self = .paused
        case 2: self = .completed
        default: throw StoreError(.storeCorrupt, "a session has the unknown status \(number)")
        }
    }
}

extension LeasePolicy {
    /// The number in the column `lease_policy`.
    var number: Int { self == .exclusive ? 0 : 1 }
}

extension Statement {
    /// The columns of a session, from 0 on, and whether the history of the session has to be put together.
    func sessionRow() throws(StoreError) -> (row: SessionRow, isBranched: Bool) { (try plainRow(), !isNull(21)) }

    private func plainRow() throws(StoreError) -> SessionRow {
        SessionRow(
            pk: int(0), key: try key(), status: try SessionRecord.Status(number: int(4)), version: int(5), createdAt: int(6),
            updatedAt: int(7), expiresAt: int(8), ttl: optionalInt(9), events: int(10), tail: Offset(milliseconds: int(11), seq: int(12)),
            floor: Offset(milliseconds: int(13), seq: int(14)), requests: int(15), generation: text(16),
            fence: Fence(policy: int(17) == 0 ? .exclusive : .advisory, epoch: int(18), holder: text(19), expires: int(20)),
            log: optionalInt(21) ?? int(0), tokens: int(22))
    }

    private func key() throws(StoreError) -> SessionKey {
        do throws(StoreError) { return try SessionKey(app: text(1), user: text(2), id: text(3)) } catch {
            throw StoreError(.storeCorrupt, "a session has a name that no session can have", underlying: error)
        }
    }

    /// The columns of a profile, from `first` on.
    func profile(from first: Int32) -> SessionProfile {
        SessionProfile(
            title: optionalText(first), activeAgent: optionalText(first + 1),
            tags: (json(first + 2).elements ?? []).compactMap(\.stringValue), metadata: json(first + 3), participants: json(first + 4))
    }
}
