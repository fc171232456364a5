// Branches as JSON: what requests say and answers hold.

extension ForkDraft {
    /// Reads the body of a request to fork a session; an empty body asks for a fork of everything.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public static func parsing(_ bytes: [UInt8]) throws(StoreError) -> (id: String?, draft: ForkDraft) {
        var id: String?
        var draft = ForkDraft()
        try ObjectReader.document(bytes, at: "", emptyAllowed: true) { (field) throws(StoreError) in
            switch field.name {
            case "at": draft.at = try field.place()
            case "id": id = try field.string()
            case "title": draft.title = .set(try field.string())
            case "tags": draft.tags = .set(try field.strings() ?? [])
            case "metadata": draft.metadata = .set(try field.object() ?? .emptyObject)
            case "participants": draft.participants = .set(field.isNull ? .emptyArray : field.raw)
            case "activeAgent": draft.activeAgent = .set(try field.string())
            case "ttl": draft.ttl = .set(try field.int(in: 1...SessionDraft.maximumTTL))
            case "state": draft.state = Dictionary(try field.object()?.members ?? []) { _, last in last }
            case "force": draft.force = try field.bool() ?? false
            default: throw field.unknown(allowed: "at, id, title, tags, metadata, participants, activeAgent, ttl, state, force")
            }
        }
        return (id, draft)
    }
}

extension RewindDraft {
    /// Reads the body of a request to rewind a session: an object whose `to` is a place; `force` may stand with it.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8]) throws(StoreError) {
        var place: Cursor?
        var force = false
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "to": place = try field.place()
            case "force": force = try field.bool() ?? false
            default: throw field.unknown(allowed: "to, force")
            }
        }
        guard let place else { throw StoreError(.invalidField, "to is missing; it is the offset or seq to go back to") }
        self.init(to: place, force: force)
    }
}

extension ObjectReader.Field {
    /// An offset or a seq; `nil` for `null`.
    fileprivate func place() throws(StoreError) -> Cursor? {
        if isNull { return nil }
        if let seq = raw.intValue, seq >= 0 { return .seq(seq) }
        guard let text = raw.stringValue, let cursor = try? Cursor(text) else { throw wrongType("an offset (16 digits, _, 16 digits) or a seq") }
        return cursor
    }
}

extension JSONWriter {
    /// Where a session was forked, as its object shows it.
    mutating func parent(_ point: BranchPoint) {
        object { writer in
            writer.name("id")
            writer.string(point.session)
            writer.name("generation")
            writer.string(point.generation)
            writer.name("at")
            writer.string(point.at.description)
        }
    }

    /// A place.
    package mutating func place(_ cursor: Cursor) {
        switch cursor {
        case .seq(let seq): int(seq)
        case .offset(let offset): string(offset.description)
        }
    }

    /// Where a session comes from, and its forks.
    package mutating func lineage(_ lineage: Lineage) {
        func write(_ point: BranchPoint, to writer: inout JSONWriter) {
            writer.object { writer in
                writer.name("session")
                writer.string(point.session)
                writer.name("generation")
                writer.string(point.generation)
                writer.name("at")
                writer.string(point.at.description)
            }
        }
        object { writer in
            writer.name("parent")
            if let parent = lineage.parent { write(parent, to: &writer) } else { writer.null() }
            writer.name("ancestors")
            writer.array { writer in
                for point in lineage.ancestors { write(point, to: &writer) }
            }
            writer.name("forks")
            writer.array { writer in
                for fork in lineage.forks {
                    writer.object { writer in
                        writer.name("id")
                        writer.string(fork.session)
                        writer.name("at")
                        writer.string(fork.at.description)
                        writer.name("createdAt")
                        writer.time(fork.createdAt)
                    }
                }
            }
        }
    }

    /// How far two sessions go together.
    package mutating func comparison(_ comparison: BranchComparison) {
        object { writer in
            writer.name("common")
            writer.place(comparison.common)
            writer.name("ahead")
            writer.int(comparison.ahead)
            writer.name("behind")
            writer.int(comparison.behind)
        }
    }
}
