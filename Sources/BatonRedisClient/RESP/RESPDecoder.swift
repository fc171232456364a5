/// Turns the bytes of a connection into replies, RESP2 and RESP3 alike.
///
/// It remembers where it stopped: a position, a small stack of open aggregates and the tape so far. However a reply is cut into
/// reads, every byte is looked at once. After it has thrown, the stream has no meaning any more and the connection must be closed.
struct RESPDecoder: Sendable {
    /// A reply, or something the server sent without being asked.
    enum Message: Sendable {
        case reply(RedisReply)
        case push(RedisReply)
    }

    /// An open aggregate: how many values are missing, and where it stands on the tape.
    private struct Level {
        var missing: UInt32
        var tapeIndex: UInt32
        /// Attributes (`|`) say something about the value after them. Nobody asked for them, so they are read over; they do not count as
        /// a value of what surrounds them.
        var isAttribute: Bool
    }

    let limits: RESPLimits
    private var buffer: [UInt8] = []
    /// Where the current frame begins in `buffer`.
    private var frameStart = 0
    /// Up to where the frame has been understood. Everything before it is on the tape.
    private var position = 0
    /// Up to where a line end was looked for in vain.
    private var searched = 0
    /// The string whose header was read and whose bytes are still to come: its kind and length.
    private var openString: (kind: RedisReply.Kind, length: Int)?
    private var stack = InlineArray<32, Level>(repeating: Level(missing: 0, tapeIndex: 0, isAttribute: false))
    private var depth = 0
    private var attributeDepth = 0
    private var valueCount = 0
    private var tape: [RedisReply.Node] = []

    init(limits: RESPLimits = RESPLimits()) {
        self.limits = limits
    }

    /// Bytes that were given and do not belong to a complete reply yet.
    var pendingBytes: Int { buffer.count - frameStart }

    /// Whether the stream stands between two replies.
    var isBetweenReplies: Bool { pendingBytes == 0 }

    /// Takes bytes that were read.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        makeRoom()
        buffer.append(contentsOf: bytes)
    }

    /// Takes bytes that were read.
    mutating func append(_ bytes: some Collection<UInt8>) {
        makeRoom()
        buffer.append(contentsOf: bytes)
    }

    /// The next complete message, nil when more bytes are needed.
    /// - Throws: ``RedisError`` with the code `protocolViolation` or `replyTooLarge`.
    mutating func next() throws(RedisError) -> Message? {
        while true {
            if let open = openString {
                guard try finishString(open.kind, length: open.length) else { return nil }
            } else {
                guard try readHeader() else { return nil }
            }
            if depth == 0, openString == nil, !tape.isEmpty {
                return takeFrame()
            }
        }
    }

    // MARK: Scanning

    /// Reads one header line and what follows from it; false when the line is not complete.
    private mutating func readHeader() throws(RedisError) -> Bool {
        guard position < buffer.count else { return false }
        let lineStart = position + 1
        guard let lineEnd = try findLineEnd(from: lineStart) else { return false }
        let type = buffer[position]
        searched = lineEnd + 2
        position = lineEnd + 2
        if position - frameStart > limits.maximumReplyBytes { throw tooLarge("a reply") }
        switch type {
        case UInt8(ascii: "+"): try string(.simpleString, lineStart, lineEnd)
        case UInt8(ascii: "-"): try string(.error, lineStart, lineEnd)
        case UInt8(ascii: ":"):
            guard let value = number(lineStart, lineEnd) else { throw violation("an integer that is none") }
            try scalar(RedisReply.Node(integer: value))
        case UInt8(ascii: "$"): try openString(.bulkString, lineStart, lineEnd)
        case UInt8(ascii: "="): try openString(.verbatimString, lineStart, lineEnd)
        case UInt8(ascii: "!"): try openString(.error, lineStart, lineEnd)
        case UInt8(ascii: "*"): try openAggregate(.array, lineStart, lineEnd, nullable: true)
        case UInt8(ascii: "~"): try openAggregate(.set, lineStart, lineEnd)
        case UInt8(ascii: "%"): try openAggregate(.map, lineStart, lineEnd)
        case UInt8(ascii: ">"):
            guard depth == 0 else { throw violation("a push inside a reply") }
            try openAggregate(.push, lineStart, lineEnd)
        case UInt8(ascii: "|"): try openAttribute(lineStart, lineEnd)
        case UInt8(ascii: "_"):
            guard lineStart == lineEnd else { throw violation("a null with content") }
            try scalar(RedisReply.Node(.null, 0, 0))
        case UInt8(ascii: "#"):
            guard lineEnd - lineStart == 1 else { throw violation("a boolean that is none") }
            switch buffer[lineStart] {
            case UInt8(ascii: "t"): try scalar(RedisReply.Node(.boolean, 0, 1))
            case UInt8(ascii: "f"): try scalar(RedisReply.Node(.boolean, 0, 0))
            default: throw violation("a boolean that is none")
            }
        case UInt8(ascii: ","):
            guard Double(String(decoding: buffer[lineStart..<lineEnd], as: UTF8.self)) != nil else { throw violation("a double that is none") }
            try string(.double, lineStart, lineEnd)
        case UInt8(ascii: "("):
            guard isDigits(lineStart, lineEnd) else { throw violation("a big number that is none") }
            try string(.bigNumber, lineStart, lineEnd)
        default: throw violation("a reply that begins with byte \(type)")
        }
        return true
    }

    /// Where the line's `\r` is, nil when the end has not arrived. Looks at every byte once.
    private mutating func findLineEnd(from lineStart: Int) throws(RedisError) -> Int? {
        var at = max(searched, lineStart)
        let end = buffer.count
        while at < end {
            if buffer[at] == UInt8(ascii: "\r") {
                guard at + 1 < end else { break }
                // A bare carriage return would let a value smuggle a second reply past a reader that is less strict.
                guard buffer[at + 1] == UInt8(ascii: "\n") else { throw violation("a carriage return inside a line") }
                guard at - lineStart <= limits.maximumLineBytes else { throw tooLarge("a line") }
                return at
            }
            if buffer[at] == UInt8(ascii: "\n") { throw violation("a bare line feed") }
            at += 1
        }
        guard at - lineStart <= limits.maximumLineBytes else { throw tooLarge("a line") }
        searched = at
        return nil
    }

    private mutating func openString(_ kind: RedisReply.Kind, _ lineStart: Int, _ lineEnd: Int) throws(RedisError) {
        guard let length = number(lineStart, lineEnd) else { throw violation("a string length that is none") }
        if length == -1, kind == .bulkString { return try scalar(RedisReply.Node(.null, 0, 0)) }
        guard length >= 0 else { throw violation("a negative string length") }
        guard length <= limits.maximumReplyBytes - (position - frameStart) else { throw tooLarge("a string of \(length) bytes") }
        openString = (kind, Int(length))
    }

    private mutating func finishString(_ kind: RedisReply.Kind, length: Int) throws(RedisError) -> Bool {
        guard buffer.count - position >= length + 2 else { return false }
        let end = position + length
        guard buffer[end] == UInt8(ascii: "\r"), buffer[end + 1] == UInt8(ascii: "\n") else {
            throw violation("a string that is not followed by a line end")
        }
        if kind == .verbatimString {
            guard length >= 4, buffer[position + 3] == UInt8(ascii: ":") else { throw violation("a verbatim string without a format") }
        }
        openString = nil
        let start = position
        position = end + 2
        searched = position
        try string(kind, start, end)
        return true
    }

    private mutating func openAggregate(
        _ kind: RedisReply.Kind, _ lineStart: Int, _ lineEnd: Int, nullable: Bool = false
    ) throws(RedisError) {
        guard let announced = number(lineStart, lineEnd) else { throw violation("an element count that is none") }
        if announced == -1, nullable { return try scalar(RedisReply.Node(.null, 0, 0)) }
        let count = try elementCount(announced, perElement: kind == .map ? 2 : 1)
        if kind == .push, count == 0 { throw violation("an empty push") }
        try countValue()
        let index = UInt32(tape.count)
        if attributeDepth == 0 { tape.append(RedisReply.Node(kind, index + 1, count, end: index + 1)) }
        if count == 0 { return closeValue() }
        try push(Level(missing: count, tapeIndex: index, isAttribute: false))
    }

    private mutating func openAttribute(_ lineStart: Int, _ lineEnd: Int) throws(RedisError) {
        guard let announced = number(lineStart, lineEnd) else { throw violation("an element count that is none") }
        let count = try elementCount(announced, perElement: 2)
        if count == 0 { return }
        try push(Level(missing: count, tapeIndex: 0, isAttribute: true))
        attributeDepth += 1
    }

    /// Checks an announced count before anything is computed from it.
    private func elementCount(_ announced: Int64, perElement: Int64) throws(RedisError) -> UInt32 {
        guard announced >= 0 else { throw violation("a negative element count") }
        guard announced <= Int64(limits.maximumElements - valueCount) / perElement else { throw tooLarge("an aggregate of \(announced) elements") }
        return UInt32(announced * perElement)
    }

    private mutating func push(_ level: Level) throws(RedisError) {
        guard depth < limits.maximumDepth else { throw tooLarge("nesting deeper than \(limits.maximumDepth)") }
        stack[depth] = level
        depth += 1
    }

    private mutating func string(_ kind: RedisReply.Kind, _ start: Int, _ end: Int) throws(RedisError) {
        // Offsets are relative to the frame: the buffer may move under it, the frame is cut out of it at the end.
        try scalar(RedisReply.Node(kind, UInt32(start - frameStart), UInt32(end - start)))
    }

    private mutating func scalar(_ node: RedisReply.Node) throws(RedisError) {
        try countValue()
        if attributeDepth == 0 {
            var node = node
            node.end = UInt32(tape.count + 1)
            tape.append(node)
        }
        closeValue()
    }

    private mutating func countValue() throws(RedisError) {
        guard valueCount < limits.maximumElements else { throw tooLarge("a reply of more than \(limits.maximumElements) values") }
        valueCount += 1
    }

    /// One value is complete: closes every aggregate that it completes.
    private mutating func closeValue() {
        while depth > 0 {
            stack[depth - 1].missing -= 1
            if stack[depth - 1].missing > 0 { return }
            depth -= 1
            if stack[depth].isAttribute {
                // The attribute is over, the value it belongs to comes next and counts by itself.
                attributeDepth -= 1
                return
            }
            if attributeDepth == 0 { tape[Int(stack[depth].tapeIndex)].end = UInt32(tape.count) }
        }
    }

    // MARK: Frames

    private mutating func takeFrame() -> Message {
        let root = tape[0]
        let frame = frameStart..<position
        let reply: RedisReply
        if root.kind.isAggregate {
            if tape.count <= 4_096 {
                // Copied in one piece, so that the next reply's tape need not grow step by step.
                reply = RedisReply(frame: takeBytes(frame), tape: tape.withUnsafeBufferPointer { Array($0) }, node: root)
                tape.removeAll(keepingCapacity: true)
            } else {
                reply = RedisReply(frame: takeBytes(frame), tape: tape, node: root)
                tape = []
            }
        } else {
            reply = scalarReply(root)
            tape.removeAll(keepingCapacity: true)
        }
        frameStart = position
        valueCount = 0
        if frameStart == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            frameStart = 0
            position = 0
        }
        searched = position
        return root.kind == .push ? .push(reply) : .reply(reply)
    }

    /// A reply of one value holds that value's bytes alone, and none at all for numbers, nulls and the usual `OK`.
    private mutating func scalarReply(_ root: RedisReply.Node) -> RedisReply {
        switch root.kind {
        case .integer, .boolean, .null:
            return RedisReply(frame: [], tape: [], node: root)
        default:
            let start = frameStart + Int(root.a)
            let length = Int(root.b)
            var node = root
            node.a = 0
            if root.kind == .simpleString, length == 2, buffer[start] == UInt8(ascii: "O"), buffer[start + 1] == UInt8(ascii: "K") {
                return RedisReply(frame: Self.ok, tape: [], node: node)
            }
            return RedisReply(frame: Array(buffer[start..<start + length]), tape: [], node: node)
        }
    }

    /// Hands out the frame's bytes. A large frame that fills the buffer becomes the reply without being copied.
    private mutating func takeBytes(_ range: Range<Int>) -> [UInt8] {
        if range.lowerBound == 0, range.upperBound == buffer.count, range.count >= 64 << 10, buffer.capacity <= range.count * 2 {
            let frame = buffer
            buffer = []
            frameStart = 0
            position = 0
            return frame
        }
        return Array(buffer[range])
    }

    /// Drops the bytes of replies already handed out, when that is cheap compared to what is kept.
    private mutating func makeRoom() {
        guard frameStart > 0, frameStart >= buffer.count - frameStart else { return }
        buffer.removeFirst(frameStart)
        position -= frameStart
        searched = max(0, searched - frameStart)
        frameStart = 0
    }

    private static let ok = Array("OK".utf8)

    // MARK: Small things

    private func number(_ start: Int, _ end: Int) -> Int64? {
        guard end > start, end - start <= 20 else { return nil }
        return Decimal.integer(in: buffer.span.extracting(start..<end))
    }

    private func isDigits(_ start: Int, _ end: Int) -> Bool {
        var start = start
        if start < end, buffer[start] == UInt8(ascii: "-") || buffer[start] == UInt8(ascii: "+") { start += 1 }
        guard start < end else { return false }
        return buffer[start..<end].allSatisfy { $0 &- UInt8(ascii: "0") <= 9 }
    }

    private func violation(_ what: String) -> RedisError {
        RedisError(.protocolViolation, "the server sent \(what), \(position - frameStart) bytes into a reply")
    }

    private func tooLarge(_ what: String) -> RedisError {
        RedisError(.replyTooLarge, "the server sent \(what), which is above the limit")
    }
}
