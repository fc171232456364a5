/// Which node of a cluster serves which slot, as far as it is known.
///
/// Nodes tell of changes in two ways: MOVED says it of one slot, now; a full listing says it of all, as some node saw it when it was
/// asked. A listing that was asked for before a MOVED arrived must not undo it, so every patch remembers when it was made.
struct SlotMap: Sendable {
    /// A primary with its replicas.
    struct Shard: Sendable, Hashable {
        var primary: RedisEndpoint
        var replicas: [RedisEndpoint] = []
        var slots: [ClosedRange<Int>] = []
    }

    private var primaries: [RedisEndpoint] = []
    private var primaryIndex: [RedisEndpoint: UInt16] = [:]
    private var replicas: [RedisEndpoint: [RedisEndpoint]] = [:]
    /// For each slot the index of its primary, or `nobody`.
    private var owners = [UInt16](repeating: nobody, count: HashSlot.count)
    /// For slots patched by MOVED: the number of the patch.
    private var patches: [Int: UInt64] = [:]
    private var clock: UInt64 = 0

    private static let nobody = UInt16.max

    /// Whether nothing is known yet.
    var isEmpty: Bool { primaries.isEmpty }

    /// Every primary that owns a slot.
    var nodes: [RedisEndpoint] { primaries }

    /// Every replica of a node that owns a slot.
    var allReplicas: [RedisEndpoint] { replicas.values.flatMap { $0 } }

    /// Who serves a slot; nil when nobody is known to.
    func primary(of slot: Int) -> RedisEndpoint? {
        let owner = owners[slot]
        return owner == Self.nobody ? nil : primaries[Int(owner)]
    }

    /// The replicas of the node that serves a slot.
    func replicas(of slot: Int) -> [RedisEndpoint] {
        primary(of: slot).flatMap { replicas[$0] } ?? []
    }

    /// The moment at which a listing is asked for; give it to ``adopt(_:askedAt:)``.
    mutating func moment() -> UInt64 {
        clock += 1
        return clock
    }

    /// MOVED: from now on another node serves a slot.
    mutating func patch(_ slot: Int, to endpoint: RedisEndpoint) {
        guard (0..<HashSlot.count).contains(slot) else { return }
        clock += 1
        owners[slot] = index(of: endpoint)
        patches[slot] = clock
    }

    /// Takes over a full listing, except for slots that were patched after it was asked for.
    mutating func adopt(_ shards: [Shard], askedAt moment: UInt64) {
        let newer = patches.filter { $0.value > moment }.map { (slot: $0.key, number: $0.value, primary: primary(of: $0.key)) }
        primaries = []
        primaryIndex = [:]
        replicas = [:]
        owners = [UInt16](repeating: Self.nobody, count: HashSlot.count)
        patches = [:]
        for shard in shards {
            let owner = index(of: shard.primary)
            replicas[shard.primary] = shard.replicas
            for range in shard.slots {
                for slot in range.clamped(to: 0...HashSlot.count - 1) { owners[slot] = owner }
            }
        }
        for (slot, number, primary) in newer {
            guard let primary else { continue }
            owners[slot] = index(of: primary)
            patches[slot] = number
        }
    }

    private mutating func index(of endpoint: RedisEndpoint) -> UInt16 {
        if let known = primaryIndex[endpoint] { return known }
        // A cluster has at most 16,384 primaries, so the numbers never run out before the slots do; patches of hostile servers might.
        guard primaries.count < Int(Self.nobody) else { return 0 }
        let index = UInt16(primaries.count)
        primaries.append(endpoint)
        primaryIndex[endpoint] = index
        return index
    }
}

/// Where a node sends the caller.
struct Redirection: Sendable, Hashable {
    let slot: Int
    let endpoint: RedisEndpoint

    /// Reads the text after MOVED or ASK: `slot host:port`. An empty host means the node that answered (cluster specification,
    /// "MOVED Redirection"); an IPv6 address has no brackets there, so the port is what follows the last colon.
    init?(_ text: String, answeredBy node: RedisEndpoint) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count >= 2, let slot = Int(parts[0]), (0..<HashSlot.count).contains(slot), let colon = parts[1].lastIndex(of: ":"),
            let port = UInt16(parts[1][parts[1].index(after: colon)...]), port > 0
        else { return nil }
        let host = parts[1][..<colon]
        if host.isEmpty || host == "?" {
            guard let same = node.hostName else { return nil }
            endpoint = .host(same, port: port)
        } else {
            endpoint = .host(String(host), port: port)
        }
        self.slot = slot
    }
}
