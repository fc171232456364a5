import Testing

@testable import BatonHTTP

private func read(_ bytes: [UInt8], pieces: [Int] = []) throws -> (events: [ServerSentEvent], parser: EventStreamParser) {
    var parser = EventStreamParser()
    var events: [ServerSentEvent] = []
    var start = 0
    for end in pieces + [bytes.count] {
        try parser.parse(Array(bytes[start..<end]).span) { events.append($0) }
        start = end
    }
    return (events, parser)
}

@Suite struct EventStreamTests {
    /// Streams and what a reader makes of them (WHATWG HTML §9.2.6). Every one is read whole, byte by byte, and split in two everywhere.
    @Test(arguments: [
        ("data: a\n\n", [ServerSentEvent(data: [97])]),
        ("data: a\r\n\r\n", [ServerSentEvent(data: [97])]),
        ("data: a\r\r", [ServerSentEvent(data: [97])]),
        ("data: a\rdata: b\n\r\n", [ServerSentEvent(data: [97, 10, 98])]),
        ("\u{feff}data: a\n\n", [ServerSentEvent(data: [97])]),
        ("data:a\n\n", [ServerSentEvent(data: [97])]),
        ("data:  a\n\n", [ServerSentEvent(data: [32, 97])]),
        ("data\n\n", [ServerSentEvent(data: [])]),
        ("data\ndata\n\n", [ServerSentEvent(data: [10])]),
        ("data: a", []),
        ("data: a\n", []),
        (": comment\n\n:\n\n", []),
        ("event: e\n\ndata: a\n\n", [ServerSentEvent(data: [97])]),
        ("event: e\ndata: a\n\ndata: b\n\n", [ServerSentEvent(name: "e", data: [97]), ServerSentEvent(data: [98])]),
        ("id: 1\ndata: a\n\ndata: b\n\n", [ServerSentEvent(id: "1", data: [97]), ServerSentEvent(id: "1", data: [98])]),
        ("id: 1\ndata: a\n\nid\ndata: b\n\n", [ServerSentEvent(id: "1", data: [97]), ServerSentEvent(data: [98])]),
        ("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [ServerSentEvent(id: "1", data: [97]), ServerSentEvent(id: "1", data: [98])]),
        ("unknown: x\ndatax: y\n data: z\ndata: a\n\n", [ServerSentEvent(data: [97])]),
        ("data: é\r\n\r\n", [ServerSentEvent(data: [0xc3, 0xa9])]),
    ])
    func reads(_ text: String, _ expected: [ServerSentEvent]) throws {
        let bytes = Array(text.utf8)
        #expect(try read(bytes).events == expected)
        #expect(try read(bytes, pieces: Array(0..<bytes.count)).events == expected)
        for split in 0...bytes.count { #expect(try read(bytes, pieces: [split]).events == expected) }
    }

    @Test func anEventCutOffDoesNotMoveTheID() throws {
        #expect(try read(Array("id: 1\ndata: a\n\nid: 2\ndata: b\n".utf8)).parser.lastEventID == "1")
        #expect(try read(Array("id: 1\ndata: a\n\nid: 2\n\n".utf8)).parser.lastEventID == "2")
    }

    @Test(
        arguments: [("retry: 250\n", 250), ("retry: 1x\n", nil), ("retry:\n", nil), ("retry: -1\n", nil), ("retry: 99999999999\n", nil)]
            as [(String, Int?)])
    func readsTheRetryTime(_ text: String, _ milliseconds: Int?) throws {
        #expect(try read(Array(text.utf8)).parser.retryMilliseconds == milliseconds)
    }

    @Test func anEventHasABound() {
        var parser = EventStreamParser(maximumEventBytes: 10)
        #expect(throws: HTTPError.self) { try parser.parse(Array("data: 12345678901".utf8).span) { _ in } }
        var second = EventStreamParser(maximumEventBytes: 10)
        #expect(throws: HTTPError.self) { try second.parse(Array("data:1234\ndata:5678\ndata:9\n".utf8).span) { _ in } }
    }

    @Test(arguments: [
        ServerSentEvent(data: []), ServerSentEvent(id: "0000000000000001_0000000000000001", name: "event", data: Array("{\"a\":1}".utf8)),
        ServerSentEvent(id: "1", data: Array("a\nb\n\nc".utf8)), ServerSentEvent(data: Array("\n".utf8)), ServerSentEvent(data: Array(": x".utf8)),
    ])
    func whatIsWrittenIsRead(_ event: ServerSentEvent) throws {
        var encoder = EventStreamEncoder()
        encoder.event(event)
        encoder.comment("between")
        encoder.retry(milliseconds: 1000)
        encoder.event(event)
        let (events, parser) = try read(Array(encoder.chunk().payload))
        #expect(events == [event, event])
        #expect(parser.retryMilliseconds == 1000)
    }

    @Test func lineEndsInThePayloadBecomeLineFeeds() throws {
        let chunk = EventStreamEncoder.event(data: Array("a\r\nb\rc\nd".utf8))
        #expect(try read(Array(chunk.payload)).events == [ServerSentEvent(data: Array("a\nb\nc\nd".utf8))])
    }

    @Test func nothingInAnIDOrNameCanForgeAField() {
        let chunk = EventStreamEncoder.event(id: "1\ndata: x\0", name: "e\r\ndata: y", data: [97])
        #expect(String(decoding: chunk.payload, as: UTF8.self) == "id: 1data: x\nevent: edata: y\ndata: a\n\n")
    }

    @Test(arguments: [1, 9, 10, 15, 16, 255, 256, 4096, 70_000])
    func chunksAreFramedOnce(_ size: Int) {
        let chunk = Chunk([UInt8](repeating: 97, count: size))
        #expect(chunk.framed.starts(with: Array((String(size, radix: 16) + "\r\n").utf8)))
        #expect(chunk.framed.suffix(2) == [13, 10])
        #expect(chunk.payload.count == size)
    }

    @Test func anEmptyChunkIsNotTheLast() {
        #expect(Chunk([]).isEmpty && Chunk([]).framed.isEmpty)
    }
}
