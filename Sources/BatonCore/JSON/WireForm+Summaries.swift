// How summaries are written as JSON. Field names are part of the outer contract.

extension JSONWriter {
    /// A summary.
    package mutating func summary(_ summary: Summary) {
        object { writer in
            writer.name("filter")
            writer.string(summary.filter)
            writer.name("text")
            writer.string(summary.text)
            writer.name("through")
            writer.string(summary.boundary.description)
            writer.name("throughSeq")
            writer.int(summary.boundary.seq)
            writer.name("events")
            writer.int(summary.events)
            writer.name("mark")
            writer.int(summary.mark)
            writer.name("model")
            writer.string(summary.model)
            writer.name("createdAt")
            writer.time(summary.createdAt)
        }
    }

    /// Summaries as an array.
    package mutating func summaries(_ summaries: [Summary]) {
        array { writer in
            for summary in summaries { writer.summary(summary) }
        }
    }

    /// The summaries of a session, and what of it they are compared with.
    package mutating func summaryList(_ list: SummaryList) {
        object { writer in
            writer.name("summaries")
            writer.summaries(list.summaries)
            writer.name("tail")
            writer.string(list.tail.description)
            writer.name("earliest")
            writer.string(list.floor.description)
            writer.name("tokens")
            writer.int(list.tokens)
            writer.name("generation")
            writer.string(list.generation)
        }
    }
}

extension SummaryDraft {
    /// What a storage keeps of it as one value, beside the filter, the boundary and the time.
    package var body: JSON {
        var writer = JSONWriter(reserving: text.utf8.count + 64)
        writer.object { writer in
            writer.name("text")
            writer.string(text)
            writer.name("events")
            writer.int(events)
            writer.name("mark")
            writer.int(mark)
            writer.name("model")
            writer.string(model)
        }
        return JSON(checked: writer.bytes)
    }
}

extension Summary {
    /// The summary whose body a storage kept.
    /// - Throws: ``StoreError/Code/storeCorrupt``.
    package init(filter: String, boundary: Offset, createdAt: Timestamp, body: JSON) throws(StoreError) {
        guard let text = body["text"]?.stringValue, let events = body["events"]?.intValue, let mark = body["mark"]?.intValue else {
            throw StoreError(.storeCorrupt, "what is stored of a summary cannot be understood")
        }
        self.init(
            filter: filter, text: text, boundary: boundary, events: events, mark: mark, model: body["model"]?.stringValue, createdAt: createdAt)
    }
}

extension SummaryClaim {
    /// As clients send it; the filter stands in the address.
    package var wireForm: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("holder")
            writer.string(holder)
            writer.name("ttl")
            writer.raw("\(Double(ttlMilliseconds) / 1000)".utf8)
            writer.name("steal")
            writer.bool(steals)
        }
        return writer.bytes
    }

    /// Reads what a client sends.
    package init(parsing bytes: [UInt8], filter: String) throws(StoreError) {
        var (holder, ttl, steals): (String?, Duration, Bool) = (nil, .seconds(60), false)
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "holder": holder = try field.string()
            case "ttl": ttl = try field.seconds() ?? ttl
            case "steal": steals = try field.bool() ?? false
            default: throw field.unknown(allowed: "holder, ttl, steal")
            }
        }
        guard let holder else { throw StoreError(.invalidField, "holder is missing; it names who makes the summary") }
        self.init(filter: filter, holder: holder, ttlMilliseconds: ttl.wholeMilliseconds, steals: steals)
    }
}

extension SummaryDraft {
    /// As a client sends it that made it under a claim; the filter stands in the address.
    package func wireForm(claim epoch: Int) -> [UInt8] {
        var writer = JSONWriter(reserving: text.utf8.count + 160)
        writer.object { writer in
            writer.name("through")
            writer.string(boundary.description)
            writer.name("claim")
            writer.int(epoch)
            writer.members(of: body)
        }
        return writer.bytes
    }
}

/// A summary as a client sends it: under a claim with all its parts, or without one, to be put in the place of what is there.
package struct SummaryWriting: Hashable, Sendable {
    /// The words.
    package var text = ""
    /// The newest event that they cover.
    package var through = Cursor.seq(0)
    /// The claim that it was made under.
    package var claim: Int?
    /// How many events it was made of.
    package var events = 0
    /// What the session's tokens were at the boundary.
    package var mark = 0
    /// Which model wrote it.
    package var model: String?

    /// Reads what a client sends.
    package init(parsing bytes: [UInt8]) throws(StoreError) {
        var (given, place): (String?, Cursor?)
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "text": given = try field.string()
            case "through":
                if let text = field.raw.stringValue {
                    place = try Cursor(text)
                } else {
                    place = try field.int(in: 1...Int.max).map { Cursor.seq($0) }
                }
            case "claim": claim = try field.int(in: 1...Int.max)
            case "events": events = try field.int(in: 0...Int.max) ?? 0
            case "mark": mark = try field.int(in: 0...Int.max) ?? 0
            case "model": model = try field.string()
            default: throw field.unknown(allowed: "text, through, claim, events, mark, model")
            }
        }
        guard let given else { throw StoreError(.invalidField, "text is missing; it is the summary") }
        guard let place else {
            throw StoreError(.invalidField, "through is missing; it is the offset or seq of the newest event that the summary covers")
        }
        (text, through) = (given, place)
        if claim == nil, events != 0 || mark != 0 { throw StoreError(.invalidField, "events and mark go with a claim") }
    }
}

/// A wish for a summary, as a client sends it.
package struct SummaryWish: Hashable, Sendable {
    /// Of which filter; empty for the whole session.
    package var filter = ""
    /// Whether it is made whatever the trigger says.
    package var force = false
    /// Whether the answer is to come when it is made.
    package var wait = false

    /// Reads what a client sends.
    package init(parsing bytes: [UInt8]) throws(StoreError) {
        try ObjectReader.document(bytes, at: "", emptyAllowed: true) { (field) throws(StoreError) in
            switch field.name {
            case "filter": filter = try field.string() ?? ""
            case "force": force = try field.bool() ?? false
            case "wait": wait = try field.bool() ?? false
            default: throw field.unknown(allowed: "filter, force, wait")
            }
        }
        if filter == SummaryScope.wholeName { filter = "" }
    }
}
