// What callers may ask for. Checked once, above the seam, so that storages get only values that can be stored.

extension SessionDraft {
    /// This draft when it may be stored.
    func checked() throws(StoreError) -> SessionDraft {
        try Check.title(title)
        try Check.tags(tags)
        try Check.object(metadata, "metadata")
        try Check.participants(participants)
        if case .seconds(let seconds) = lifetime { try Check.ttl(seconds) }
        return self
    }
}

extension SessionPatch {
    /// This patch when it may be stored.
    func checked() throws(StoreError) -> SessionPatch {
        if case .set(let title) = title { try Check.title(title) }
        if case .set(let tags) = tags { try Check.tags(tags) }
        if let metadata, !metadata.isNull { try Check.object(metadata, "metadata") }
        if case .set(let participants) = participants { try Check.participants(participants) }
        if case .set(let seconds?) = ttl { try Check.ttl(seconds) }
        if case .set(let agent?) = activeAgent { _ = try Name.checked(agent, "activeAgent") }
        return self
    }
}

/// The limits that drafts and patches share.
enum Check {
    static func title(_ title: String?) throws(StoreError) {
        guard let count = title?.utf8.count, count > 1024 else { return }
        throw StoreError(.invalidField, "title has \(count) bytes; it may have at most 1024")
    }

    static func tags(_ tags: [String]) throws(StoreError) {
        guard tags.count <= 64 else { throw StoreError(.invalidField, "tags has \(tags.count) entries; it may have at most 64") }
        for (index, tag) in tags.enumerated() { _ = try Name.checked(tag, "tags[\(index)]") }
    }

    static func object(_ value: JSON, _ field: String) throws(StoreError) {
        guard value.isObject else { throw StoreError(.invalidField, "\(field) has to be an object") }
        try size(value, field)
    }

    static func participants(_ value: JSON) throws(StoreError) {
        try size(value, "participants")
        guard let elements = value.elements else {
            throw StoreError(.invalidField, "participants has to be an array of names or of objects with an id")
        }
        for (index, element) in elements.enumerated() {
            guard let id = element.stringValue ?? element["id"]?.stringValue else {
                throw StoreError(.invalidField, "participants[\(index)] has to be a name or an object with an id")
            }
            _ = try Name.checked(id, "participants[\(index)]")
        }
    }

    static func ttl(_ seconds: Int) throws(StoreError) {
        guard (1...SessionDraft.maximumTTL).contains(seconds) else {
            throw StoreError(.invalidField, "ttl has to be a whole number of seconds from 1 to \(SessionDraft.maximumTTL)")
        }
    }

    static func range(_ value: Int, _ range: ClosedRange<Int>, _ parameter: String) throws(StoreError) {
        guard range.contains(value) else {
            throw StoreError(.invalidParameter, "\(parameter) has to be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private static func size(_ value: JSON, _ field: String) throws(StoreError) {
        guard value.bytes.count <= SessionDraft.maximumMetadataBytes else {
            throw StoreError(.tooLarge, "\(field) has \(value.bytes.count) bytes; it may have at most \(SessionDraft.maximumMetadataBytes)")
        }
    }
}
