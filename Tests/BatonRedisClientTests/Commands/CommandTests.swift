import Testing

@testable import BatonRedisClient

@Suite("Commands")
struct CommandTests {
    static func words(_ command: some RedisCommand) throws -> String {
        var encoder = RESPEncoder()
        encoder.write(command)
        var decoder = RESPDecoder()
        decoder.append(encoder.bytes)
        guard case .reply(let reply) = try decoder.next() else { return "" }
        return (reply.elements?.map { $0.string ?? "" } ?? []).joined(separator: " ")
    }

    static func reply(_ value: Value) throws -> RedisReply {
        var decoder = RESPDecoder()
        decoder.append(value.wire)
        guard case .reply(let reply) = try decoder.next() else { throw RedisError(.protocolViolation, "no reply") }
        return reply
    }

    static let cases: [(any RedisCommand, String)] = [
        (GET("k"), "GET k"), (MGET(["a", "b"]), "MGET a b"), (SET("k", "v"), "SET k v"),
        (SET("k", 5, expires: .after(.milliseconds(1_500)), if: .absent), "SET k 5 NX PX 1500"),
        (SET("k", "v", expires: .at(milliseconds: 9), if: .present), "SET k v XX PXAT 9"), (SET("k", "v", expires: .kept), "SET k v KEEPTTL"),
        (INCRBY("k", -3), "INCRBY k -3"), (RPUSH("l", ["a", 1, 2.5]), "RPUSH l a 1 2.5"), (LRANGE("l", from: -50, through: -1), "LRANGE l -50 -1"),
        (DEL(["a", "b"]), "DEL a b"), (UNLINK(["a"]), "UNLINK a"), (EXISTS(["a"]), "EXISTS a"), (TYPE("k"), "TYPE k"),
        (PEXPIRE("k", after: .microseconds(1_001)), "PEXPIRE k 2"), (PEXPIREAT("k", at: 7), "PEXPIREAT k 7"), (PTTL("k"), "PTTL k"),
        (PERSIST("k"), "PERSIST k"), (HGET("h", "f"), "HGET h f"), (HMGET("h", ["f", "g"]), "HMGET h f g"), (HGETALL("h"), "HGETALL h"),
        (HSET("h", [("f", "v"), ("g", 2)]), "HSET h f v g 2"), (HSETNX("h", "f", "v"), "HSETNX h f v"), (HDEL("h", ["f"]), "HDEL h f"),
        (HINCRBY("h", "f", by: 2), "HINCRBY h f 2"), (HLEN("h"), "HLEN h"), (HEXISTS("h", "f"), "HEXISTS h f"), (SADD("s", ["a"]), "SADD s a"),
        (SREM("s", ["a"]), "SREM s a"), (SMEMBERS("s"), "SMEMBERS s"), (SISMEMBER("s", "a"), "SISMEMBER s a"), (SCARD("s"), "SCARD s"),
        (ZADD("z", [(1.5, "a"), (-2, "b")]), "ZADD z 1.5 a -2.0 b"), (ZREM("z", ["a"]), "ZREM z a"),
        (ZRANGE("z", from: 0, through: 9, descending: true), "ZRANGE z 0 9 REV WITHSCORES"),
        (ZRANGEBYSCORE("z", from: .excluding(1), to: .highest, limit: 10), "ZRANGE z (1.0 +inf BYSCORE LIMIT 0 10 WITHSCORES"),
        (ZRANGEBYSCORE("z", from: .lowest, to: .including(2), descending: true), "ZRANGE z 2.0 -inf BYSCORE REV WITHSCORES"),
        (ZSCORE("z", "a"), "ZSCORE z a"), (ZCARD("z"), "ZCARD z"), (XADD("x", [("f", "v")]), "XADD x * f v"),
        (XADD("x", [("f", "v")], id: .milliseconds(5), trimming: .aboutNewest(9), mustExist: true), "XADD x NOMKSTREAM MAXLEN ~ 9 5-* f v"),
        (XADD("x", [("f", "v")], id: .explicit(StreamID(5, 6)), trimming: .aboutFrom(StreamID(1, 2))), "XADD x MINID ~ 1-2 5-6 f v"),
        (XRANGE("x", from: .excluding(StreamID(1, 2)), count: 3), "XRANGE x (1-2 + COUNT 3"),
        (XRANGE("x", to: .including(StreamID(9, 0)), descending: true), "XREVRANGE x 9-0 -"), (XLEN("x"), "XLEN x"),
        (XDEL("x", [StreamID(1, 1)]), "XDEL x 1-1"), (XTRIM("x", keeping: .newest(5)), "XTRIM x MAXLEN 5"),
        (XREAD([("x", .after(.zero)), ("y", .end)], count: 2, waiting: .seconds(1)), "XREAD COUNT 2 BLOCK 1000 STREAMS x y 0-0 $"),
        (XGROUPCREATE("x", group: "g", from: .end, entriesRead: 3), "XGROUP CREATE x g $ MKSTREAM ENTRIESREAD 3"),
        (XGROUPDESTROY("x", group: "g"), "XGROUP DESTROY x g"),
        (
            XREADGROUP(group: "g", consumer: "c", [("x", .new), ("y", .pending(after: .zero))], count: 1, waiting: .zero, acknowledging: true),
            "XREADGROUP GROUP g c COUNT 1 BLOCK 0 NOACK STREAMS x y > 0-0"
        ),
        (XACK("x", group: "g", [StreamID(1, 1), StreamID(2, 2)]), "XACK x g 1-1 2-2"),
        (XAUTOCLAIM("x", group: "g", consumer: "c", idleFor: .seconds(5), count: 7), "XAUTOCLAIM x g c 5000 0-0 COUNT 7"),
        (XCLAIM("x", group: "g", consumer: "c", idleFor: .zero, [StreamID(3, 0)]), "XCLAIM x g c 0 3-0"),
        (XPENDING("x", group: "g", count: 5, consumer: "c", idleFor: .milliseconds(9)), "XPENDING x g IDLE 9 - + 5 c"),
        (XINFOSTREAM("x"), "XINFO STREAM x"), (PING(), "PING"), (TIME(), "TIME"), (INFO("server"), "INFO server"), (ROLE(), "ROLE"),
        (WAIT(replicas: 1, timeout: .milliseconds(50)), "WAIT 1 50"), (PUBLISH("c", "m"), "PUBLISH c m"),
        (PUBLISH("c", "m", sharded: true), "SPUBLISH c m"),
        (EVALSHA(RedisScript("return 1"), keys: ["k"], arguments: ["a", 2]), "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 k a 2"),
        (EVALSHA(RedisScript("return 1"), keys: []).withSource, "EVAL return 1 0"),
    ]

    @Test("are written as the manual says")
    func encoding() throws {
        for (command, expected) in Self.cases { #expect(try Self.words(command) == expected) }
    }

    @Test("say which keys they touch, in the place where the server finds them")
    func keys() throws {
        for (command, expected) in Self.cases {
            for key in command.keys { #expect(expected.split(separator: " ").contains { $0 == key.description }, "\(expected)") }
        }
        #expect(XREAD([("a", .end), ("b", .end)]).keys == ["a", "b"])
        #expect(PUBLISH("c", "m").keys.isEmpty)
        #expect(PUBLISH("c", "m", sharded: true).keys == ["c"])
    }

    @Test("say when they may be repeated")
    func retrySafety() {
        #expect(GET("k").retrySafety == .always)
        #expect(SET("k", "v").retrySafety == .always)
        #expect(SET("k", "v", if: .absent).retrySafety == .ifNotSent)
        #expect(INCRBY("k").retrySafety == .ifNotSent)
        #expect(XADD("x", []).retrySafety == .ifNotSent)
        #expect(RawCommand(["INCR", "k"]).retrySafety == .never)
        #expect(EVALSHA(RedisScript("return 1", isReadOnly: true), keys: []).retrySafety == .always)
    }

    @Test("read values, nothing and refusals")
    func values() throws {
        #expect(try GET("k").decode(Self.reply(.text("v"))) == Array("v".utf8))
        #expect(try GET("k").decode(Self.reply(.null)) == nil)
        #expect(try MGET([]).decode(Self.reply(.array([.text("a"), .null]))) == [Array("a".utf8), nil])
        #expect(try SET("k", "v").decode(Self.reply(.simple("OK"))))
        #expect(try !SET("k", "v").decode(Self.reply(.null)))
        #expect(try INCRBY("k").decode(Self.reply(.integer(7))) == 7)
        #expect(try ZSCORE("z", "a").decode(Self.reply(.text("1.25"))) == 1.25)
        #expect(try TIME().decode(Self.reply(.array([.text("5"), .text("6")]))) == 5_000_006)
        #expect(throws: RedisError.self) { try INCRBY("k").decode(Self.reply(.array([]))) }
        #expect(throws: RedisError.self) { try TIME().decode(Self.reply(.array([.integer(.max), .integer(1)]))) }
        #expect(throws: RedisError.self) { try GET("k").decode(Self.reply(.error("WRONGTYPE x"))) }
    }

    @Test("read fields from a map and from a flat list")
    func fields() throws {
        for value in [Value.map([.text("a"), .text("1"), .text("b"), .text("2")]), .array([.text("a"), .text("1"), .text("b"), .text("2")])] {
            let fields = try HGETALL("h").decode(Self.reply(value))
            #expect(fields.count == 2)
            #expect(fields["b"].map(Array.init) == Array("2".utf8))
            #expect(fields["c"] == nil)
            #expect(fields.map { String(decoding: $0.field, as: UTF8.self) } == ["a", "b"])
        }
        #expect(throws: RedisError.self) { try HGETALL("h").decode(Self.reply(.array([.text("a")]))) }
    }

    @Test("read scores from pairs and from a flat list")
    func scores() throws {
        for value in [Value.array([.array([.text("m"), .double("2.5")])]), .array([.text("m"), .text("2.5")])] {
            let members = try ZRANGE("z", from: 0, through: 1).decode(Self.reply(value))
            #expect(members.map(\.score) == [2.5])
            #expect(members.map { Array($0.member) } == [Array("m".utf8)])
        }
    }

    @Test("read stream entries, deleted ones included")
    func streams() throws {
        let body = Value.array([.text("f"), .text("v")])
        let entries = try XRANGE("x").decode(
            Self.reply(.array([.array([.text("1-2"), body]), .null, .array([.text("3-4"), .null])])))
        #expect(entries.map(\.id) == [StreamID(1, 2), StreamID(3, 4)])
        #expect(entries.map { $0.fields?.count } == [1, nil])
        #expect(throws: RedisError.self) { try XRANGE("x").decode(Self.reply(.array([.array([.text("nonsense"), body])]))) }

        let list = Value.array([.array([.text("1-1"), body])])
        for value in [Value.map([.text("x"), list]), .array([.array([.text("x"), list])])] {
            let batches = try XREAD([("x", .end)]).decode(Self.reply(value))
            #expect(batches["x"]?.map(\.id) == [StreamID(1, 1)])
        }
        #expect(try XREAD([("x", .end)]).decode(Self.reply(.null)).isEmpty)

        let claimed = try XAUTOCLAIM("x", group: "g", consumer: "c", idleFor: .zero).decode(
            Self.reply(.array([.text("0-0"), list, .array([.text("9-9")])])))
        #expect(claimed.cursor == .zero)
        #expect(claimed.deleted == [StreamID(9, 9)])
        let old = try XAUTOCLAIM("x", group: "g", consumer: "c", idleFor: .zero).decode(Self.reply(.array([.text("5-0"), .array([.null])])))
        #expect(old.cursor == StreamID(5, 0))
        #expect(Array(old.entries).isEmpty)

        let pending = try XPENDING("x", group: "g", count: 1).decode(
            Self.reply(.array([.array([.text("1-1"), .text("c"), .integer(50), .integer(3)])])))
        #expect(pending.map(\.deliveries) == [3])
    }

    @Test(
        "order stream IDs as the server does",
        arguments: [
            ("0-0", nil as StreamID?), ("5-6", StreamID(5, 6)), ("18446744073709551615-18446744073709551615", .maximum),
        ])
    func streamIDs(text: String, id: StreamID?) {
        #expect(StreamID(text) == (id ?? .zero))
        #expect(StreamID(text)?.description == text)
        for wrong in ["", "-", "5", "5-", "-5", "a-b", "5-6-7", "18446744073709551616-0", "+5-1"] { #expect(StreamID(wrong) == nil) }
        #expect(StreamID(5, .max).next == StreamID(6, 0))
        #expect(StreamID.maximum.next == nil)
        #expect(StreamID(4, 9) < StreamID(5, 0))
    }

    @Test("tell refusals apart by their first word")
    func errors() {
        for kind in ServerError.Class.allCases {
            #expect(RedisError(server: "\(kind.rawValue) what follows").server?.kind == kind)
        }
        #expect(RedisError(server: "SOMETHING new").server?.kind == .other)
        #expect(RedisError(server: "LOADING Redis is loading").server?.isTransient == true)
        #expect(RedisError(server: "WRONGTYPE x").server?.isTransient == false)
        #expect(RedisError(server: "NOAUTH Authentication required.").code == .authentication)
        #expect(RedisError(server: "ERR invalid password").isPermanent)
        // Servers quote arguments in some refusals.
        #expect(!"\(RedisError(server: "ERR unknown command 'AUHT', with args beginning with: 'secret'"))".contains("secret"))
    }
}
