import Testing

@testable import BatonRedisClient

@Suite("Walking over stream entries in place")
struct EntryWalkTests {
    /// An entry as it was walked over.
    private struct Walked: Equatable {
        var id: StreamID
        var fields: [[String]]
    }

    private func reply(_ text: String) throws -> RedisReply {
        var decoder = RESPDecoder()
        decoder.append(Array(text.utf8))
        guard case .reply(let reply)? = try decoder.next() else { throw RedisError(.protocolViolation, "no reply") }
        return reply
    }

    /// What is found, and whether the walk reached the end.
    private func walk(_ bytes: String, stoppingAfter limit: Int = .max) throws -> (entries: [Walked], isWhole: Bool) {
        var entries: [Walked] = []
        var fields: [[String]] = []
        func text(_ span: Span<UInt8>) -> String { span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
        let isWhole = try reply(bytes).walkEntries { name, value in
            fields.append([text(name), text(value)])
        } entry: { id in
            entries.append(Walked(id: id, fields: fields))
            fields = []
            return entries.count < limit
        }
        return (entries, isWhole)
    }

    private static let two =
        "*2\r\n*2\r\n$3\r\n7-5\r\n*4\r\n$1\r\ni\r\n$2\r\nab\r\n$1\r\nb\r\n$0\r\n\r\n"
        + "*2\r\n$22\r\n18446744073709551615-0\r\n*2\r\n$1\r\nb\r\n$3\r\nx\r\n\r\n"

    @Test("gives every field and every ID, in order")
    func whole() throws {
        let (entries, isWhole) = try walk(Self.two)
        #expect(isWhole)
        #expect(
            entries == [
                Walked(id: StreamID(7, 5), fields: [["i", "ab"], ["b", ""]]), Walked(id: StreamID(.max, 0), fields: [["b", "x\r\n"]]),
            ])
        #expect(try walk("*0\r\n").isWhole)
        #expect(try walk("*1\r\n*2\r\n$3\r\n1-1\r\n*0\r\n").entries == [Walked(id: StreamID(1, 1), fields: [])])
    }

    @Test("ends where it is told to")
    func stopping() throws {
        let (entries, isWhole) = try walk(Self.two, stoppingAfter: 1)
        #expect(entries.count == 1 && !isWhole)
    }

    @Test(
        "anything else is no list of entries",
        arguments: [
            "$3\r\n1-1\r\n", ":1\r\n", "*1\r\n$3\r\n1-1\r\n", "*1\r\n*-1\r\n", "*1\r\n*1\r\n$3\r\n1-1\r\n", "*1\r\n*2\r\n$3\r\n1-1\r\n*-1\r\n",
            "*1\r\n*2\r\n$3\r\n1-1\r\n*1\r\n$1\r\nb\r\n", "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nb\r\n:1\r\n", "*1\r\n*2\r\n$3\r\n1-x\r\n*0\r\n",
            "*1\r\n*2\r\n$1\r\n1\r\n*0\r\n", "*1\r\n*2\r\n$2\r\n1-\r\n*0\r\n", "*1\r\n*2\r\n$2\r\n-1\r\n*0\r\n", "*1\r\n*2\r\n$5\r\n1-1-1\r\n*0\r\n",
            "*1\r\n*2\r\n$22\r\n18446744073709551616-0\r\n*0\r\n", "*1\r\n*2\r\n:1\r\n*0\r\n", "*1\r\n*2\r\n*0\r\n*0\r\n",
        ])
    func malformed(text: String) throws {
        #expect(try walk(text).isWhole == false)
    }
}
