import Testing

@testable import BatonRedisClient

@Suite("RESP decoder")
struct RESPDecoderTests {
    static let values: [Value] = [
        .null, .simple("OK"), .simple(""), .simple("QUEUED"), .error("WRONGTYPE Operation against a key"), .integer(0), .integer(-1),
        .integer(.max), .integer(.min), .double("1.5"), .double("inf"), .double("-inf"), .double("1e300"), .boolean(true), .boolean(false),
        .text(""), .text("hello"), .bulk([0, 13, 10, 255, 36]), .text("$5\r\nfalse\r\n"), .verbatim("some text"), .verbatim(""),
        .big("3492890328409238509324850943850943825024385"), .big("-1"), .array([]), .array([.null]), .array([.array([]), .array([])]),
        .array([.integer(1), .text("two"), .array([.text("three"), .null, .boolean(true)]), .error("ERR inside"), .simple("OK")]),
        .set([.text("a"), .text("b")]), .map([.text("k"), .array([.integer(1)]), .simple("l"), .map([])]),
        .push([.text("message"), .text("c"), .text("m")]),
        .array([.map([.text("a"), .set([.array([.text("deep"), .array([.integer(9)])])])]), .text("last")]),
        .bulk(Array(repeating: 7, count: 300)),
    ]

    @Test("reads every value however it is cut", arguments: values)
    func everyValue(value: Value) throws {
        try DecoderVerifier.verify(value.wire, is: value)
    }

    @Test(
        "reads what only RESP2 or only RESP3 sends",
        arguments: [
            ("$-1\r\n", Value.null), ("*-1\r\n", .null), ("!9\r\nERR it \r\n\r\n", .error("ERR it \r\n")), (":+5\r\n", .integer(5)),
            ("*2\r\n$-1\r\n*-1\r\n", .array([.null, .null])),
        ])
    func dialects(wire: String, value: Value) throws {
        try DecoderVerifier.verify(Array(wire.utf8), is: value)
    }

    @Test(
        "reads over attributes, wherever they stand",
        arguments: [
            ("|1\r\n+ttl\r\n:5\r\n$1\r\na\r\n", Value.text("a")),
            ("*2\r\n|1\r\n$1\r\nk\r\n*2\r\n:1\r\n:2\r\n:7\r\n:8\r\n", .array([.integer(7), .integer(8)])),
            ("*1\r\n|1\r\n+a\r\n|1\r\n+b\r\n+c\r\n+d\r\n:9\r\n", .array([.integer(9)])),
            ("|0\r\n*1\r\n|0\r\n+x\r\n", .array([.simple("x")])),
        ])
    func attributes(wire: String, value: Value) throws {
        try DecoderVerifier.verify(Array(wire.utf8), is: value)
    }

    @Test("tells pushes from replies")
    func pushes() throws {
        var decoder = RESPDecoder()
        decoder.append(Value.push([.text("invalidate"), .null]).wire + Value.integer(3).wire)
        guard case .push(let push) = try decoder.next() else {
            Issue.record("expected a push")
            return
        }
        #expect(push.kind == .push)
        guard case .reply(let reply) = try decoder.next() else {
            Issue.record("expected a reply")
            return
        }
        #expect(reply.integer == 3)
        #expect(try decoder.next() == nil)
    }

    @Test(
        "refuses what is not the protocol",
        arguments: [
            "hello\r\n", "\r\n", ":\r\n", ":abc\r\n", ":9223372036854775808\r\n", ":-9223372036854775809\r\n", ":--1\r\n", "$\r\n", "$-2\r\n",
            "$abc\r\n",
            "$99999999999999999999999\r\n", "*-2\r\n", "*abc\r\n", "%-1\r\n", "~-1\r\n", ">0\r\n", "*1\r\n>1\r\n+x\r\n", "$1\r\nabc\r\n", "$0\r\nXX",
            "#x\r\n", "#\r\n", "_x\r\n", ",abc\r\n", ",\r\n", "(12a\r\n", "(\r\n", "(-\r\n", "=3\r\nabc\r\n", "=5\r\nabcde\r\n", "+a\rb\r\n",
            "+a\nb\r\n",
            "$?\r\n", "*?\r\n", "\u{0}\r\n",
        ])
    func violations(wire: String) {
        for pieces in [[Array(wire.utf8)], wire.utf8.map { [$0] }] {
            #expect(throws: RedisError.self, "\(wire.debugDescription)") { try DecoderVerifier.decode(pieces) }
        }
    }

    @Test(
        "refuses hostile lengths and depths before it acts on them",
        arguments: [
            "$9223372036854775807\r\n", "$1073741825\r\n", "*9223372036854775807\r\n", "%9223372036854775807\r\n", "%4611686018427387904\r\n",
            "~2000000000\r\n", "|9223372036854775807\r\n", ">9223372036854775807\r\n", String(repeating: "*1\r\n", count: 100_000),
            String(repeating: "|1\r\n", count: 100_000),
        ])
    func hostile(wire: String) {
        let error = #expect(throws: RedisError.self) { try DecoderVerifier.decode([Array(wire.utf8)]) }
        #expect(error?.code == .replyTooLarge)
    }

    @Test("refuses a line without end, a reply above the limit and too many values")
    func limits() {
        let limits = RESPLimits(maximumReplyBytes: 1_000, maximumElements: 100, maximumLineBytes: 100)
        for wire in [
            "+" + String(repeating: "a", count: 200), "+" + String(repeating: "a", count: 101) + "\r\n", "$1001\r\n", "*101\r\n",
            "*2\r\n*60\r\n" + String(repeating: ":1\r\n", count: 60) + "*60\r\n",
            "*60\r\n" + String(repeating: "+" + String(repeating: "a", count: 50) + "\r\n", count: 60),
        ] {
            let error = #expect(throws: RedisError.self) { try DecoderVerifier.decode([Array(wire.utf8)], limits: limits) }
            #expect(error?.code == .replyTooLarge, "\(wire.prefix(20).debugDescription)")
        }
    }

    @Test("looks at each byte of a large reply about once, however it is cut")
    func resumes() throws {
        // 20,000 entries that arrive in 4,000 pieces. A decoder that began anew with every piece would look at 4,000 times half of it.
        let entry = Value.array([.text("1-1"), .array([.text("field"), .text("value")])])
        let value = Value.array(Array(repeating: entry, count: 20_000))
        let wire = value.wire
        let clock = ContinuousClock()
        func time(_ pieces: Int) throws -> Duration {
            let size = wire.count / pieces + 1
            let cut = stride(from: 0, to: wire.count, by: size).map { Array(wire[$0..<min($0 + size, wire.count)]) }
            var decoder = RESPDecoder()
            var found = 0
            let elapsed = try clock.measure {
                for piece in cut {
                    decoder.append(piece)
                    while try decoder.next() != nil { found += 1 }
                }
            }
            #expect(found == 1)
            return elapsed
        }
        _ = try time(1)
        // The machine may be busy with others at any moment; once in five times it is not.
        #expect(try (0..<5).contains { _ in try time(4_000) < time(1) * 20 })
    }

    @Test("gives the same messages for random values cut at random", arguments: 0..<40 as Range<UInt64>)
    func randomValues(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func value(_ depth: Int) -> Value {
            switch Int.random(in: 0..<(depth > 4 ? 8 : 12), using: &random) {
            case 0: .null
            case 1: .simple(String(repeating: "s", count: Int.random(in: 0..<40, using: &random)))
            case 2: .error("ERR \(UInt8.random(in: 0...255, using: &random))")
            case 3: .integer(Int64.random(in: .min ... .max, using: &random))
            case 4: .boolean(Bool.random(using: &random))
            case 5: .double("\(Double.random(in: -1e9...1e9, using: &random))")
            case 6, 7: .bulk((0..<Int.random(in: 0..<200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
            case 8, 9: .array((0..<Int.random(in: 0..<6, using: &random)).map { _ in value(depth + 1) })
            case 10: .map((0..<Int.random(in: 0..<4, using: &random) * 2).map { _ in value(depth + 1) })
            default: .set((0..<Int.random(in: 0..<5, using: &random)).map { _ in value(depth + 1) })
            }
        }
        let values = (0..<60).map { _ in value(0) }
        let wire = values.flatMap(\.wire)
        var pieces: [[UInt8]] = []
        var at = 0
        while at < wire.count {
            let end = min(wire.count, at + Int.random(in: 1...60, using: &random))
            pieces.append(Array(wire[at..<end]))
            at = end
        }
        #expect(try DecoderVerifier.decode(pieces) == values)
    }

    @Test("answers mutated streams with values or errors, never with a trap, and the same whole or in pieces", arguments: 0..<60 as Range<UInt64>)
    func fuzz(seed: UInt64) {
        var random = SeededGenerator(seed: seed &* 7919)
        let corpus = Self.values.map(\.wire)
        let limits = RESPLimits(maximumReplyBytes: 4_096, maximumElements: 500, maximumDepth: 8, maximumLineBytes: 256)
        func run(_ pieces: [[UInt8]]) -> ([Value], Bool) {
            var decoder = RESPDecoder(limits: limits)
            var values: [Value] = []
            do {
                for piece in pieces {
                    decoder.append(piece)
                    while let message = try decoder.next() {
                        switch message {
                        case .reply(let reply), .push(let reply): values.append(Value(reply))
                        }
                    }
                }
                return (values, true)
            } catch {
                return (values, false)
            }
        }
        for _ in 0..<100 {
            var wire = (0..<Int.random(in: 1...4, using: &random)).flatMap { _ in corpus.randomElement(using: &random) ?? [] }
            for _ in 0..<Int.random(in: 1...4, using: &random) where !wire.isEmpty {
                let at = Int.random(in: 0..<wire.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: wire[at] = UInt8.random(in: 0...255, using: &random)
                case 1: wire[at] = Array("0123456789-*$%~>|\r\n".utf8).randomElement(using: &random) ?? 0
                case 2: wire.remove(at: at)
                default: wire.insert(Array("0123456789*|\r\n".utf8).randomElement(using: &random) ?? 0, at: at)
                }
            }
            let whole = run([wire])
            let bytes = run(wire.map { [$0] })
            #expect(whole == bytes, "seed \(seed)")
        }
    }
}
