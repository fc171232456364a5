extension RedisReply {
    /// How many bytes arrived with it, and are kept as long as it is.
    package var frameSize: Int { frame.count }

    /// Walks over a list of stream entries where it lies, without making a reply of each value: the way to turn a page of small entries into
    /// values of one's own, whose cost would otherwise be counting references.
    /// - Parameters:
    ///   - field: called with the name and the value of each field of an entry.
    ///   - entry: called after the fields of an entry, with its ID; false ends the walk.
    /// - Returns: whether this is such a list and all of it was walked over.
    package func walkEntries(field: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void, entry: (StreamID) -> Bool) -> Bool {
        guard node.kind == .array else { return false }
        // Positions on the tape and in the frame were checked when the reply was read; a mistake there would trap here, not read beyond.
        let (tape, frame) = (self.tape.span, self.frame.span)
        func bytes(_ node: Node) -> Range<Int> { Int(node.a)..<Int(node.a) + Int(node.b) }
        var position = Int(node.a)
        for _ in 0..<node.b {
            let pair = tape[position]
            position = Int(pair.end)
            guard pair.kind == .array, pair.b == 2 else { return false }
            let first = tape[Int(pair.a)]
            let list = tape[Int(first.end)]
            guard first.kind == .bulkString, let id = StreamID(frame.extracting(bytes(first))), list.kind == .array, list.b.isMultiple(of: 2)
            else { return false }
            var at = Int(list.a)
            for _ in 0..<list.b / 2 {
                let name = tape[at]
                let value = tape[Int(name.end)]
                at = Int(value.end)
                guard name.kind == .bulkString, value.kind == .bulkString else { return false }
                field(frame.extracting(bytes(name)), frame.extracting(bytes(value)))
            }
            guard entry(id) else { return false }
        }
        return true
    }
}
