import Testing

@testable import BatonRedisClient

/// A value as a test writes it down, to compare replies with.
indirect enum Value: Equatable, Sendable {
    case null
    case simple(String)
    case error(String)
    case integer(Int64)
    case double(String)
    case boolean(Bool)
    case bulk([UInt8])
    case verbatim(String)
    case big(String)
    case array([Value])
    case set([Value])
    case map([Value])
    case push([Value])

    static func text(_ text: String) -> Value { .bulk(Array(text.utf8)) }

    init(_ reply: RedisReply) {
        switch reply.kind {
        case .null: self = .null
        case .simpleString: self = .simple(reply.string ?? "?")
        case .error: self = .error(reply.string ?? "?")
        case .integer: self = .integer(reply.integer ?? .min)
        case .double: self = .double(reply.string ?? "?")
        case .boolean: self = .boolean(reply.integer == 1)
        case .bulkString: self = .bulk(Array(reply.bytes ?? []))
        case .verbatimString: self = .verbatim(reply.string ?? "?")
        case .bigNumber: self = .big(reply.string ?? "?")
        case .array: self = .array((reply.elements ?? .none).map { $0.map(Value.init) } ?? [])
        case .set: self = .set(reply.elements?.map(Value.init) ?? [])
        case .map: self = .map(reply.elements?.map(Value.init) ?? [])
        case .push: self = .push(reply.elements?.map(Value.init) ?? [])
        }
    }

    /// The value as a server sends it, in RESP3.
    var wire: [UInt8] {
        func line(_ type: String, _ text: String) -> [UInt8] { Array("\(type)\(text)\r\n".utf8) }
        func list(_ type: String, _ count: Int, _ values: [Value]) -> [UInt8] { line(type, "\(count)") + values.flatMap(\.wire) }
        switch self {
        case .null: return line("_", "")
        case .simple(let text): return line("+", text)
        case .error(let text): return line("-", text)
        case .integer(let value): return line(":", "\(value)")
        case .double(let text): return line(",", text)
        case .boolean(let value): return line("#", value ? "t" : "f")
        case .bulk(let bytes): return line("$", "\(bytes.count)") + bytes + Array("\r\n".utf8)
        case .verbatim(let text): return line("=", "\(text.utf8.count + 4)") + Array("txt:\(text)\r\n".utf8)
        case .big(let text): return line("(", text)
        case .array(let values): return list("*", values.count, values)
        case .set(let values): return list("~", values.count, values)
        case .map(let values): return list("%", values.count / 2, values)
        case .push(let values): return list(">", values.count, values)
        }
    }
}

/// Feeds a decoder every way a network can, and demands the same messages each time.
enum DecoderVerifier {
    static func decode(_ pieces: [[UInt8]], limits: RESPLimits = RESPLimits()) throws -> [Value] {
        var decoder = RESPDecoder(limits: limits)
        var values: [Value] = []
        for piece in pieces {
            decoder.append(piece)
            while let message = try decoder.next() {
                switch message {
                case .reply(let reply), .push(let reply): values.append(Value(reply))
                }
            }
        }
        #expect(decoder.isBetweenReplies)
        return values
    }

    static func verify(_ wire: [UInt8], is expected: Value, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let before = Value.text("BEFORE")
        let after = Value.text("AFTER")
        let all = before.wire + wire + after.wire
        let three = [before, expected, after]
        #expect(try decode([wire]) == [expected], "alone", sourceLocation: sourceLocation)
        #expect(try decode([all]) == three, "between neighbours", sourceLocation: sourceLocation)
        #expect(try decode(all.map { [$0] }) == three, "byte by byte", sourceLocation: sourceLocation)
        #expect(
            try decode([Array(repeating: wire, count: 50).flatMap { $0 }]) == Array(repeating: expected, count: 50), "many at once",
            sourceLocation: sourceLocation)
        for cut in 0...min(all.count, 400) {
            #expect(try decode([Array(all[..<cut]), Array(all[cut...])]) == three, "cut at \(cut)", sourceLocation: sourceLocation)
        }
    }
}

/// A generator that gives the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    // SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
