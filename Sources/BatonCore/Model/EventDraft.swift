/// An event checked and encoded, ready for a storage: what is compared or indexed stands beside the bytes that are kept.
public struct EventDraft: Hashable, Sendable {
    /// The author's own id, or `nil` when the store makes one.
    public private(set) var id: String?
    /// The role, for filters.
    public let role: String?
    /// The author, for filters.
    public let author: String?
    /// The type, for filters.
    public let type: String?
    /// The branch, for filters.
    public let branch: String?
    /// The author's fields as one JSON object, in a fixed order, temporary state left out.
    public private(set) var body: JSON
    /// The content when it is kept apart; the body refers to it then.
    package private(set) var blob: Blob?
    /// Where the member `content` stands in the body, with the comma before it unless it is the first.
    private let contentMember: Range<Int>
    /// How many bytes the content has.
    let contentBytes: Int
    /// The state changes to commit with it.
    public let delta: StateDelta
    /// About how many tokens a context with it has more: what its author noted in `metadata.tokenCount`, or an estimate by the size of its content.
    public let tokens: Int

    /// The longest id that a client may give an event, in UTF-8 bytes.
    public static let maximumIDBytes = 128
    /// The most events in one append.
    public static let maximumBatch = 1000
    /// The largest content of one event, in bytes.
    public static let maximumContentBytes = 8 << 20

    /// Checks and encodes an event of the library's users.
    /// - Throws: ``StoreError/Code/invalidField``, ``StoreError/Code/invalidName``, ``StoreError/Code/tooLarge``.
    public init(_ event: NewEvent) throws(StoreError) {
        var fields = Fields()
        fields.id = event.id
        fields.author = event.author
        fields.role = event.role
        fields.type = event.type
        fields.branch = event.branch
        fields.invocation = event.invocation
        fields.partial = event.isPartial
        fields.content = event.content
        fields.usage = event.usage
        fields.metadata = event.metadata
        if !event.stateDelta.isEmpty {
            var writer = JSONWriter()
            writer.object { writer in
                for (key, value) in event.stateDelta.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
            }
            // Read once more: values as deep as they may be are one level too deep inside an object.
            fields.stateDelta = try JSON(writer.bytes)
        }
        try self.init(fields, at: "event")
    }

    /// Reads one event object, or an array of them, as clients send it.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``,
    ///   ``StoreError/Code/tooLarge``; the message names the event of a batch by its index.
    public static func batch(parsing bytes: [UInt8]) throws(StoreError) -> [EventDraft] {
        var scanner = JSONScanner()
        let first: UInt8
        do throws(JSONError) { first = try scanner.peek(bytes.span) } catch { throw StoreError(error) }
        var drafts: [EventDraft] = []
        if first == UInt8(ascii: "[") {
            try scanner.array(bytes.span, failing: { StoreError($0) }) { (scanner, index) throws(StoreError) in
                guard index < maximumBatch else { throw StoreError(.tooLarge, "the batch has more than \(maximumBatch) events") }
                drafts.append(try EventDraft(scanning: bytes.span, with: &scanner, at: "events[\(index)]"))
            }
            guard !drafts.isEmpty else { throw StoreError(.invalidField, "the batch is empty; send 1 to \(maximumBatch) events") }
        } else {
            drafts.append(try EventDraft(scanning: bytes.span, with: &scanner, at: "event"))
        }
        do throws(JSONError) { try scanner.end(bytes.span) } catch { throw StoreError(error) }
        return drafts
    }

    /// The same event with its content beside it.
    func apart() -> EventDraft {
        guard blob == nil else { return self }
        var draft = self
        let blob = Blob(Array(body.bytes[(contentMember.upperBound - contentBytes)..<contentMember.upperBound]))
        draft.body = body.referring(to: blob.reference, insteadOf: contentMember)
        draft.blob = blob
        return draft
    }

    /// The same event under another id, of 1 to ``maximumIDBytes`` bytes.
    func named(_ id: String) -> EventDraft {
        var draft = self
        draft.id = id
        return draft
    }

    private init(scanning bytes: Span<UInt8>, with scanner: inout JSONScanner, at place: String) throws(StoreError) {
        try self.init(try Fields(scanning: bytes, with: &scanner, at: place), at: place)
    }

    private init(_ fields: Fields, at place: String) throws(StoreError) {
        func text(_ value: String?, _ name: String, _ maximum: Int) throws(StoreError) {
            guard let count = value?.utf8.count else { return }
            guard count > 0, count <= maximum else {
                throw StoreError(.invalidField, "\(place).\(name) has \(count) bytes; it may have 1 to \(maximum)")
            }
        }
        try text(fields.id, "id", EventDraft.maximumIDBytes)
        try text(fields.author, "author", 256)
        try text(fields.role, "role", 64)
        try text(fields.type, "type", 128)
        try text(fields.branch, "branch", 256)
        try text(fields.invocation, "invocation", 256)
        guard let content = fields.content else { throw StoreError(.invalidField, "\(place).content is missing; it may be any JSON value") }
        guard content.bytes.count <= EventDraft.maximumContentBytes else {
            throw StoreError(
                .tooLarge, "\(place).content has \(content.bytes.count) bytes; an event holds at most \(EventDraft.maximumContentBytes)")
        }
        for (value, name) in [(fields.usage, "usage"), (fields.metadata, "metadata")] {
            guard value?.isObject ?? true else { throw StoreError(.invalidField, "\(place).\(name) has to be an object") }
        }
        id = fields.id
        role = fields.role
        author = fields.author
        type = fields.type
        branch = fields.branch
        tokens = EventCost.standard.tokens(in: content, metadata: fields.metadata)
        var storedDelta: JSON?
        if let given = fields.stateDelta {
            delta = try StateDelta(settingMembersOf: given, in: "\(place).stateDelta")
            storedDelta = EventDraft.withoutTemporaryKeys(given)
        } else {
            delta = StateDelta()
        }
        var writer = JSONWriter(reserving: content.bytes.count + 160)
        var contentMember = 0..<0
        writer.object { writer in
            func put(_ name: StaticString, _ value: String?) {
                guard let value else { return }
                writer.name(name)
                writer.string(value)
            }
            func put(_ name: StaticString, _ value: JSON?) {
                guard let value else { return }
                writer.name(name)
                writer.raw(value.bytes)
            }
            put("author", fields.author)
            put("role", fields.role)
            put("type", fields.type)
            put("branch", fields.branch)
            put("invocation", fields.invocation)
            if fields.partial {
                writer.name("partial")
                writer.bool(true)
            }
            let start = writer.bytes.count
            put("content", content)
            contentMember = start..<writer.bytes.count
            put("stateDelta", storedDelta)
            put("usage", fields.usage)
            put("metadata", fields.metadata)
        }
        body = JSON(checked: writer.bytes)
        self.contentMember = contentMember
        contentBytes = content.bytes.count
    }

    /// The delta as it was written when it has no temporary keys, or what is left of it; `nil` when nothing is.
    private static func withoutTemporaryKeys(_ delta: JSON) -> JSON? {
        guard let members = delta.members, !members.isEmpty else { return nil }
        let kept = members.filter { StateDelta.split($0.name).0 != .temp }
        if kept.count == members.count { return delta }
        if kept.isEmpty { return nil }
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in kept { writer.member(name, value) }
        }
        return JSON(checked: writer.bytes)
    }
}

/// The fields of an event object before they are checked.
private struct Fields {
    var id: String?
    var author: String?
    var role: String?
    var type: String?
    var branch: String?
    var invocation: String?
    var partial = false
    var content: JSON?
    var stateDelta: JSON?
    var usage: JSON?
    var metadata: JSON?

    init() {}

    init(scanning bytes: Span<UInt8>, with scanner: inout JSONScanner, at place: String) throws(StoreError) {
        let object = ObjectReader(at: place)
        try object.read(bytes, with: &scanner) { (field) throws(StoreError) in
            switch field.name {
            case "id": id = try field.string()
            case "author": author = try field.string()
            case "role": role = try field.string()
            case "type": type = try field.string()
            case "branch": branch = try field.string()
            case "invocation": invocation = try field.string()
            case "partial": partial = try field.bool() ?? false
            case "content": content = field.raw
            case "stateDelta": stateDelta = field.isNull ? nil : field.raw
            case "usage": usage = field.isNull ? nil : field.raw
            case "metadata": metadata = field.isNull ? nil : field.raw
            case "seq", "offset", "time", "editedAt", "traceparent", "tracestate":
                throw StoreError(.unknownField, "\(place).\(field.name) is set by the server and cannot be given")
            default: throw field.unknown(allowed: "id, author, role, type, branch, invocation, partial, content, stateDelta, usage, metadata")
            }
        }
    }
}
