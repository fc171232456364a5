import Testing

@testable import BatonRedisClient

@Suite("Cluster slots")
struct SlotTests {
    // Answers of CLUSTER KEYSLOT.
    @Test(
        "are those that the server computes",
        arguments: [
            ("", 0), ("foo", 12182), ("bar", 5061), ("123456789", 12739), ("user1000", 3443), ("{user1000}.following", 3443), ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015), ("foo{bar}{zap}", 5061), ("{}x", 10595),
        ])
    func slots(key: String, slot: Int) {
        #expect(HashSlot.of(RedisKey(key)) == slot)
    }

    @Test("must be the same for all keys of a command")
    func common() throws {
        #expect(try HashSlot.common([]) == nil)
        #expect(try HashSlot.common(["{a}1", "{a}2"]) == HashSlot.of("a"))
        let error = #expect(throws: RedisError.self) { try HashSlot.common(["secret-a", "secret-b"]) }
        #expect(error?.code == .crossSlot)
        #expect(error.map { !"\($0)".contains("secret") } == true)
    }
}

@Suite("Slot map")
struct SlotMapTests {
    private let a = RedisEndpoint.host("a", port: 1)
    private let b = RedisEndpoint.host("b", port: 2)
    private let c = RedisEndpoint.host("c", port: 3)

    private func map() -> SlotMap {
        var map = SlotMap()
        let moment = map.moment()
        map.adopt([.init(primary: a, replicas: [c], slots: [0...8191]), .init(primary: b, slots: [8192...16383])], askedAt: moment)
        return map
    }

    @Test("knows who serves a slot")
    func owners() {
        let map = map()
        #expect(map.primary(of: 0) == a)
        #expect(map.primary(of: 8191) == a)
        #expect(map.primary(of: 8192) == b)
        #expect(map.primary(of: 16383) == b)
        #expect(map.replicas(of: 5) == [c])
        #expect(SlotMap().primary(of: 5) == nil)
    }

    @Test("follows MOVED at once")
    func moved() {
        var map = map()
        map.patch(5, to: c)
        #expect(map.primary(of: 5) == c)
        #expect(map.primary(of: 6) == a)
        map.patch(99_999, to: c)
    }

    @Test("does not let a listing that was asked for earlier undo a MOVED, and lets a later one")
    func staleListing() {
        var map = map()
        let listing = [SlotMap.Shard(primary: a, slots: [0...16383])]
        let asked = map.moment()
        map.patch(5, to: c)
        map.adopt(listing, askedAt: asked)
        #expect(map.primary(of: 5) == c)
        #expect(map.primary(of: 6) == a)
        #expect(map.primary(of: 9000) == a)
        // The patch is still newer than a second stale listing.
        map.adopt(listing, askedAt: asked)
        #expect(map.primary(of: 5) == c)
        let later = map.moment()
        map.adopt(listing, askedAt: later)
        #expect(map.primary(of: 5) == a)
    }
}

@Suite("What cluster nodes and Sentinels say")
struct TopologyReplyTests {
    private let node = RedisEndpoint.host("10.0.0.9", port: 7000)

    @Test(
        "reads redirections",
        arguments: [
            (
                "3999 127.0.0.1:6381", Redirection("3999 127.0.0.1:6381", answeredBy: .unix("/x"))?.endpoint,
                RedisEndpoint.host("127.0.0.1", port: 6381)
            )
        ])
    func readable(text: String, found: RedisEndpoint?, expected: RedisEndpoint) {
        #expect(found == expected)
        #expect(Redirection("5 ::1:7001", answeredBy: node)?.endpoint == .host("::1", port: 7001))
        #expect(Redirection("5 :7001", answeredBy: node)?.endpoint == .host("10.0.0.9", port: 7001))
        #expect(Redirection("5 ?:7001", answeredBy: node)?.endpoint == .host("10.0.0.9", port: 7001))
        #expect(Redirection("5 h:7001 extra", answeredBy: node)?.slot == 5)
        for wrong in ["", "5", "x h:1", "16384 h:1", "-1 h:1", "5 h", "5 h:0", "5 h:70000", "5 h:x"] {
            #expect(Redirection(wrong, answeredBy: node) == nil, "\(wrong)")
        }
    }

    @Test("reads CLUSTER SHARDS")
    func shards() throws {
        func member(_ id: String, _ port: Int64, _ role: String, _ endpoint: Value, _ health: String = "online") -> Value {
            .map([
                .text("id"), .text(id), .text("port"), .integer(port), .text("tls-port"), .integer(port + 1000), .text("ip"), .text("1.2.3.4"),
                .text("endpoint"), endpoint, .text("role"), .text(role), .text("replication-offset"), .integer(1), .text("health"), .text(health),
            ])
        }
        let reply = try CommandTests.reply(
            .array([
                .map([
                    .text("slots"), .array([.integer(0), .integer(99), .integer(200), .integer(300)]), .text("nodes"),
                    .array([
                        member("x", 1, "master", .text("h1"), "fail"), member("y", 2, "master", .text("h2")), member("z", 3, "replica", .text("")),
                        member("w", 4, "replica", .text("h4"), "fail"),
                    ]),
                ]),
                .map([.text("slots"), .array([]), .text("nodes"), .array([member("v", 5, "master", .text("h5"))])]),
            ]))
        let shards = try ClusterListing.shards(reply, answeredBy: node, encrypted: false)
        #expect(shards == [.init(primary: .host("h2", port: 2), replicas: [.host("10.0.0.9", port: 3)], slots: [0...99, 200...300])])
        #expect(try ClusterListing.shards(reply, answeredBy: node, encrypted: true).first?.primary == .host("h2", port: 1002))
    }

    @Test("reads CLUSTER SLOTS")
    func slots() throws {
        let first = Value.array([
            .integer(0), .integer(5), .array([.text(""), .integer(7001), .text("id")]), .array([.text("h"), .integer(7002), .text("id")]),
        ])
        let second = Value.array([.integer(6), .integer(7), .array([.null, .integer(7001), .text("id")])])
        let shards = try ClusterListing.slots(CommandTests.reply(.array([first, second])), answeredBy: node)
        #expect(shards == [.init(primary: .host("10.0.0.9", port: 7001), replicas: [.host("h", port: 7002)], slots: [0...5, 6...7])])
    }

    @Test(
        "refuses listings that make no sense",
        arguments: [
            Value.integer(5), .array([.integer(5)]), .array([.array([.integer(9), .integer(5), .array([.text("h"), .integer(1)])])]),
            .array([.array([.integer(-1), .integer(5), .array([.text("h"), .integer(1)])])]),
            .array([.array([.integer(0), .integer(16384), .array([.text("h"), .integer(1)])])]),
            .array([.array([.integer(0), .integer(1), .array([.text("h"), .integer(99999)])])]),
            .error("ERR This instance has cluster support disabled"),
        ])
    func nonsense(value: Value) throws {
        let reply = try CommandTests.reply(value)
        #expect(throws: RedisError.self) { try ClusterListing.slots(reply, answeredBy: node) }
        #expect(throws: RedisError.self) { try ClusterListing.shards(reply, answeredBy: node, encrypted: false) }
    }

    @Test("reads Sentinels' answers")
    func sentinels() throws {
        #expect(try SentinelReplies.primary(CommandTests.reply(.array([.text("h"), .text("6379")]))) == .host("h", port: 6379))
        #expect(try SentinelReplies.primary(CommandTests.reply(.null)) == nil)
        #expect(throws: RedisError.self) { try SentinelReplies.primary(CommandTests.reply(.array([.text("h"), .text("0")]))) }
        func sentinel(_ port: String, _ flags: String) -> Value {
            .array([.text("name"), .text("x"), .text("ip"), .text("h"), .text("port"), .text(port), .text("flags"), .text(flags)])
        }
        let list = Value.array([sentinel("1", "sentinel"), sentinel("2", "s_down,sentinel"), sentinel("3", "sentinel,disconnected")])
        #expect(try SentinelReplies.sentinels(CommandTests.reply(list)) == [.host("h", port: 1)])
        #expect(SentinelReplies.switched(Array("main 1.1.1.1 1 2.2.2.2 2".utf8))?.endpoint == .host("2.2.2.2", port: 2))
        #expect(SentinelReplies.switched(Array("main 1.1.1.1 1".utf8)) == nil)
    }
}
