internal import BatonCore

// Branches: how requests are written and answers are read.

extension ForkDraft {
    func wireForm(id: String) -> [UInt8] {
        var writer = JSONWriter(reserving: 256)
        writer.object { writer in
            writer.name("id")
            writer.string(id)
            if let at {
                writer.name("at")
                writer.place(at)
            }
            if case .set(let title) = title {
                writer.name("title")
                writer.string(title)
            }
            if case .set(let tags) = tags {
                writer.name("tags")
                writer.strings(tags)
            }
            if case .set(let metadata) = metadata { writer.member("metadata", metadata) }
            if case .set(let participants) = participants { writer.member("participants", participants) }
            if case .set(let agent) = activeAgent {
                writer.name("activeAgent")
                writer.string(agent)
            }
            if case .set(let ttl) = ttl {
                writer.name("ttl")
                if let ttl { writer.int(ttl) } else { writer.null() }
            }
            if force {
                writer.name("force")
                writer.bool(true)
            }
            if !state.isEmpty {
                writer.name("state")
                writer.state(state)
            }
        }
        return writer.bytes
    }
}

extension Lineage {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var ancestors: [BranchPoint]?
        var forks: [Fork]?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "ancestors":
                ancestors = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try BranchPoint(&scanner, bytes) }
            case "forks": forks = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Fork(&scanner, bytes) }
            default: try scanner.skip(bytes)
            }
        }
        guard let ancestors, let forks else { throw WireError.incompatible("a lineage without ancestors or forks") }
        self.init(ancestors: ancestors, forks: forks)
    }
}

extension Lineage.Fork {
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var session: String?
        var at: Offset?
        var createdAt: Timestamp?
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "id": session = try scanner.string(bytes)
            case "at": at = try scanner.offset(bytes)
            case "createdAt": createdAt = try scanner.time(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let session, let at, let createdAt else { throw WireError.incompatible("a fork without id, at or createdAt") }
        self.init(session: session, at: at, createdAt: createdAt)
    }
}

extension BranchPoint {
    /// A session's object calls the parent's id `id`, a lineage `session`.
    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var session: String?
        var generation: String?
        var at: Offset?
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "session", "id": session = try scanner.string(bytes)
            case "generation": generation = try scanner.string(bytes)
            case "at": at = try scanner.offset(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let session, let generation, let at else { throw WireError.incompatible("a parent without its id, generation or place") }
        self.init(session: session, generation: generation, at: at)
    }
}

extension BranchComparison {
    init(decoding bytes: [UInt8]) throws(StoreError) {
        var common: Cursor?
        var ahead: Int?
        var behind: Int?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "common":
                let value = try scanner.json(bytes)
                common = value.intValue.map { .seq($0) } ?? value.stringValue.flatMap { Offset($0) }.map { .offset($0) }
            case "ahead": ahead = try scanner.int(bytes)
            case "behind": behind = try scanner.int(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let common, let ahead, let behind else { throw WireError.incompatible("a comparison without common, ahead or behind") }
        self.init(common: common, ahead: ahead, behind: behind)
    }
}
