import Testing

@testable import BatonRedisClient

@Suite("RESP encoder")
struct RESPEncoderTests {
    private func encode(_ words: [RedisArgument]) -> String {
        var encoder = RESPEncoder()
        encoder.write(RawCommand(words))
        return String(decoding: encoder.bytes, as: UTF8.self)
    }

    @Test("writes arguments with their lengths and their number in front")
    func lengths() {
        #expect(encode(["GET", "key"]) == "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")
        #expect(encode(["SET", "k", ""]) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n")
        #expect(encode(["X", .bytes([13, 10]), .slice([1, 2, 3][1...])]) == "*3\r\n$1\r\nX\r\n$2\r\n\r\n\r\n$2\r\n\u{2}\u{3}\r\n")
    }

    @Test("writes more than nine arguments", arguments: [9, 10, 11, 99, 100, 1_000])
    func many(count: Int) {
        let words = (0..<count).map { RedisArgument.integer(Int64($0)) }
        let expected = "*\(count)\r\n" + (0..<count).map { "$\("\($0)".count)\r\n\($0)\r\n" }.joined()
        #expect(encode(words) == expected)
    }

    @Test("writes one command after the other", arguments: [1, 12])
    func sequence(count: Int) {
        var encoder = RESPEncoder()
        let words = Array(repeating: RedisArgument.string("a"), count: count)
        encoder.write(RawCommand(words))
        encoder.write(RawCommand(words))
        #expect(String(decoding: encoder.bytes, as: UTF8.self) == encode(words) + encode(words))
    }

    @Test("writes numbers digit by digit", arguments: [0, 1, 9, 10, -1, -10, 123_456_789, .max, .min] as [Int64])
    func numbers(value: Int64) {
        #expect(encode([.integer(value)]) == "*1\r\n$\("\(value)".utf8.count)\r\n\(value)\r\n")
        var encoder = RESPEncoder()
        encoder.beginCommand()
        encoder.append(UInt64(bitPattern: value))
        encoder.endCommand()
        let text = "\(UInt64(bitPattern: value))"
        #expect(String(decoding: encoder.bytes, as: UTF8.self) == "*1\r\n$\(text.utf8.count)\r\n\(text)\r\n")
        #expect(Decimal.integer(in: Array("\(value)".utf8).span) == value)
        #expect(Decimal.unsigned(in: Array(text.utf8).span) == UInt64(bitPattern: value))
    }

    @Test("names scripts as the server does")
    func digest() {
        // The examples of RFC 3174 section 7.3, and lengths around the padding.
        #expect(String(decoding: SHA1.hexDigest(of: "abc".utf8), as: UTF8.self) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(
            String(decoding: SHA1.hexDigest(of: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8), as: UTF8.self)
                == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        #expect(String(decoding: SHA1.hexDigest(of: "".utf8), as: UTF8.self) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(
            String(decoding: SHA1.hexDigest(of: Array(repeating: UInt8(ascii: "a"), count: 1_000_000)), as: UTF8.self)
                == "34aa973cd4c4daa4f61eeb2bdbad27316534016f")
    }
}
