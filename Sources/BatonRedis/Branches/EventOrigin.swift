internal import BatonCore

/// Who made the events of a session, and its rewinds, out of what scripts call its origin: the generation, and behind it the field `B` where the
/// history is put together from several logs.
struct EventOrigin {
    /// A log that was taken over.
    struct Part {
        let token: String
        let first: Int
        let last: Int
        let generation: String
        /// Whether events of it, or of older ones, were edited or removed in it.
        let hasEdits: Bool
    }

    /// The session's own generation.
    let generation: String
    /// The logs that were taken over, the oldest first.
    private(set) var parts: [Part] = []
    private(set) var rewinds = Rewinds()

    /// The origin of events that a session made all by itself.
    init(_ generation: String) { self.generation = generation }

    init(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
        try self.init(String(decoding: bytes.prefix(16), as: UTF8.self), history: bytes.dropFirst(16))
    }

    /// The origin of a session whose field `B` is this; empty when it has none.
    init(_ generation: String, history bytes: ArraySlice<UInt8>) throws(StoreError) {
        self.generation = generation
        guard !bytes.isEmpty else { return }
        var rest = bytes
        func number(_ size: Int) throws(StoreError) -> Int {
            guard rest.count >= size else { throw StoreError.corrupt("a session's history") }
            defer { rest = rest.dropFirst(size) }
            return rest.prefix(size).reduce(0) { $0 << 8 | Int($1) }
        }
        func text() throws(StoreError) -> String {
            guard rest.count >= 16 else { throw StoreError.corrupt("a session's history") }
            defer { rest = rest.dropFirst(16) }
            return String(decoding: rest.prefix(16), as: UTF8.self)
        }
        guard try number(1) == 1 else { throw StoreError.corrupt("a session's history") }
        for _ in 0..<3 { _ = try number(6) }
        let (logs, count) = (try number(1), try number(2))
        for _ in 0..<logs {
            let (token, generation) = (try text(), try text())
            let (first, last, bits) = (try number(6), try number(6), try number(1))
            parts.append(
                Part(token: token, first: first, last: last, generation: generation, hasEdits: bits & Int(SessionHead.hasEdits) != 0))
        }
        for _ in 0..<count { rewinds.append(Rewinds.Rewind(seq: try number(6), target: try number(6))) }
    }

    /// The id of an event whose author gave none.
    func madeID(forSeq seq: Int) -> String {
        let maker = parts.first { $0.first <= seq && seq <= $0.last }?.generation ?? generation
        return SessionRecord.madeID(generation: maker, seq: seq)
    }
}

extension BranchPoint {
    /// The sessions that one descends from, out of its field `F`: for each the length of its id in two bytes, the id, the generation, milliseconds
    /// and seq of the place in six bytes each.
    static func list(_ bytes: ArraySlice<UInt8>) throws(StoreError) -> [BranchPoint] {
        var points: [BranchPoint] = []
        var rest = bytes
        func take(_ size: Int) throws(StoreError) -> ArraySlice<UInt8> {
            guard rest.count >= size else { throw StoreError.corrupt("a session's ancestors") }
            defer { rest = rest.dropFirst(size) }
            return rest.prefix(size)
        }
        func number(_ size: Int) throws(StoreError) -> Int { try take(size).reduce(0) { $0 << 8 | Int($1) } }
        while !rest.isEmpty {
            let id = String(decoding: try take(try number(2)), as: UTF8.self)
            let generation = String(decoding: try take(16), as: UTF8.self)
            let milliseconds = try number(6)
            points.append(BranchPoint(session: id, generation: generation, at: Offset(milliseconds: milliseconds, seq: try number(6))))
        }
        return points
    }
}
