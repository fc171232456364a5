// How tool calls and approvals are written and read as JSON. Field names are part of the outer contract.

extension JSONWriter {
    /// A tool call.
    package mutating func toolCall(_ call: ToolCall) {
        object { writer in
            writer.name("key")
            writer.string(call.key)
            writer.name("name")
            writer.string(call.name)
            writer.name("arguments")
            writer.raw(call.arguments.bytes)
            writer.name("status")
            writer.string(call.status.rawValue)
            writer.name("attempt")
            writer.int(call.attempt)
            if let holder = call.holder {
                writer.name("holder")
                writer.string(holder)
            }
            if let heldUntil = call.heldUntil {
                writer.name("heldUntil")
                writer.time(heldUntil)
            }
            if let result = call.result {
                writer.name("result")
                writer.raw(result.bytes)
            }
            if let error = call.error {
                writer.name("error")
                writer.raw(error.bytes)
            }
            writer.name("createdAt")
            writer.time(call.createdAt)
            writer.name("updatedAt")
            writer.time(call.updatedAt)
        }
    }

    /// A page of tool calls.
    package mutating func toolCalls(_ page: ToolCallPage) {
        object { writer in
            writer.name("toolCalls")
            writer.array { writer in
                for call in page.calls { writer.toolCall(call) }
            }
            writer.name("next")
            writer.string(page.next)
        }
    }

    /// An approval.
    package mutating func approval(_ approval: Approval) {
        object { writer in
            writer.name("key")
            writer.string(approval.key)
            writer.name("prompt")
            writer.raw(approval.prompt.bytes)
            writer.name("deciders")
            writer.strings(approval.deciders)
            writer.name("expiresAt")
            if let expiresAt = approval.expiresAt { writer.time(expiresAt) } else { writer.null() }
            writer.name("status")
            writer.string(approval.status.rawValue)
            writer.name("approved")
            writer.bool(approval.isApproved)
            writer.name("decision")
            writer.string(approval.decision)
            writer.name("by")
            writer.string(approval.decidedBy)
            if let comment = approval.comment {
                writer.name("comment")
                writer.raw(comment.bytes)
            }
            writer.name("createdAt")
            writer.time(approval.createdAt)
            writer.name("decidedAt")
            if let decidedAt = approval.decidedAt { writer.time(decidedAt) } else { writer.null() }
        }
    }

    /// A page without halves of tool rounds, and what they were.
    package mutating func transcript(_ transcript: TranscriptPage) {
        object { writer in
            writer.name("events")
            writer.events(transcript.page.events)
            writer.name("orphans")
            writer.array { writer in
                for orphan in transcript.orphans { writer.orphan(orphan) }
            }
            writer.name("next")
            writer.string(transcript.page.next?.description)
            writer.name("tail")
            writer.string(transcript.page.tail.description)
            writer.name("upToDate")
            writer.bool(transcript.page.upToDate)
            writer.name("generation")
            writer.string(transcript.page.generation)
        }
    }

    /// An event that is half of a tool round.
    package mutating func orphan(_ orphan: WholeTranscript.Orphan) {
        object { writer in
            writer.name("id")
            writer.string(orphan.id)
            writer.name("seq")
            writer.int(orphan.seq)
            writer.name("unansweredCalls")
            writer.strings(orphan.unansweredCalls)
            writer.name("strayResults")
            writer.strings(orphan.strayResults)
        }
    }
}

extension ToolReservation {
    /// Reads the body of a request to reserve a tool call; the lifetime of the hold stands in seconds.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8]) throws(StoreError) {
        var key: String?
        var name: String?
        var arguments = JSON.null
        var holder: String?
        var seconds = 60
        var policy = AmbiguityPolicy.report
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "key": key = try field.string()
            case "name": name = try field.string()
            case "arguments": arguments = field.raw
            case "holder": holder = try field.string()
            case "ttl": seconds = try field.int(in: 1...86_400) ?? 60
            case "onAmbiguous":
                let names = AmbiguityPolicy.allCases.map(\.rawValue).joined(separator: ", ")
                guard let value = AmbiguityPolicy(rawValue: try field.string() ?? "report") else { throw field.wrongType("one of: \(names)") }
                policy = value
            default: throw field.unknown(allowed: "key, name, arguments, holder, ttl, onAmbiguous")
            }
        }
        guard let key else { throw StoreError(.invalidField, "key is missing; it names the effect within the session") }
        self.init(key: key, name: name ?? key, arguments: arguments, holder: holder, ttlMilliseconds: seconds * 1000, onAmbiguous: policy)
    }
}

extension ToolOutcome {
    /// Reads the body of a request to complete, fail or extend a tool call, and the attempt that it shows.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public static func parsing(_ bytes: [UInt8]) throws(StoreError) -> (outcome: ToolOutcome, attempt: Int?) {
        var status: String?
        var result: JSON?
        var error: JSON?
        var seconds: Int?
        var attempt: Int?
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "status": status = try field.string()
            case "result": result = field.raw
            case "error": error = field.raw
            case "ttl": seconds = try field.int(in: 1...86_400)
            case "attempt": attempt = try field.int(in: 1...Int.max)
            default: throw field.unknown(allowed: "status, result, error, ttl, attempt")
            }
        }
        switch (status, result, error, seconds) {
        case ("completed", let result, nil, nil): return (.completed(result ?? .null), attempt)
        case ("failed", nil, let error, nil): return (.failed(error ?? .null), attempt)
        case ("reserved", nil, nil, let seconds): return (.extended((seconds ?? 60) * 1000), attempt)
        default:
            throw StoreError(
                .invalidField, "status has to be completed (with result), failed (with error) or reserved (with ttl, to hold it longer)")
        }
    }
}

extension ApprovalRequest {
    /// Reads the body of a request to ask.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8]) throws(StoreError) {
        var key: String?
        var prompt = JSON.null
        var deciders: [String] = []
        var expiresAt: Timestamp?
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "key": key = try field.string()
            case "prompt": prompt = field.raw
            case "deciders": deciders = try field.strings() ?? []
            case "expiresAt":
                guard let text = try field.string() else { return }
                guard let time = Timestamp(text) else { throw field.wrongType("an RFC 3339 time such as 2026-01-31T12:00:00Z") }
                expiresAt = time
            default: throw field.unknown(allowed: "key, prompt, deciders, expiresAt")
            }
        }
        guard let key else { throw StoreError(.invalidField, "key is missing; it names the question within the session") }
        self.init(key: key, prompt: prompt, deciders: deciders, expiresAt: expiresAt)
    }
}

extension ApprovalDecision {
    /// Reads the body of a request to decide.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8]) throws(StoreError) {
        var decision: String?
        var by: String?
        var comment: JSON?
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "decision": decision = try field.string()
            case "by": by = try field.string()
            case "comment": comment = field.isNull ? nil : field.raw
            default: throw field.unknown(allowed: "decision, by, comment")
            }
        }
        guard let decision, let by else { throw StoreError(.invalidField, "decision and by are needed: what is decided, and who decides") }
        self.init(decision, by: by, comment: comment)
    }
}
