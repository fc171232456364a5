/// Makes words of events: a model, or anything else.
public protocol Summarizer: Sendable {
    /// What it calls itself; kept with each summary. 1 to 256 bytes.
    var model: String? { get }

    /// The summary of a previous summary and the events after it. An empty text means that there is nothing to say: nothing is stored then.
    ///
    /// It is cancelled when the job takes too long, and what it returns afterwards is not stored.
    func summarize(_ input: SummaryInput) async throws -> String

    /// Who makes the summaries of this session and filter; `nil` when nobody does, and nothing is stored then. Itself unless it says otherwise.
    func choice(for session: SessionKey, filter: String) async throws -> (any Summarizer)?
}

extension Summarizer {
    /// No name.
    public var model: String? { nil }
    /// Itself.
    public func choice(for session: SessionKey, filter: String) async throws -> (any Summarizer)? { self }
}

/// Makes the summaries of each session by the summarizer that is chosen for it then: by the model of its tenant, say, or by none.
public struct SummarizerChoice: Summarizer {
    private let choose: @Sendable (SessionKey, String) async throws -> (any Summarizer)?

    /// Summaries by whom `choose` says for a session and a filter, which is empty for the whole session; `nil` for nobody. It is asked for every summary.
    public init(_ choose: @escaping @Sendable (SessionKey, String) async throws -> (any Summarizer)?) { self.choose = choose }

    /// Who is chosen, and by them in turn.
    public func choice(for session: SessionKey, filter: String) async throws -> (any Summarizer)? {
        try await choose(session, filter)?.choice(for: session, filter: filter)
    }

    /// The words of who is chosen; none without anybody.
    public func summarize(_ input: SummaryInput) async throws -> String {
        try await choice(for: input.session, filter: input.filter)?.summarize(input) ?? ""
    }
}

/// What a summary is made of.
public struct SummaryInput: Hashable, Sendable {
    /// Of which session.
    public var session: SessionKey
    /// Which events it is about; empty for all.
    public var filter: String
    /// The summary up to the first of the events, which the new one replaces.
    public var previous: String?
    /// The events to take in, oldest first: whole tool rounds, in the filter, without the store's notices and pieces.
    public var events: [Event]
    /// How long the summary may be, in words; `nil` for any length.
    public var maximumWords: Int?

    /// An input of its parts.
    public init(session: SessionKey, filter: String = "", previous: String? = nil, events: [Event], maximumWords: Int? = nil) {
        self.session = session
        self.filter = filter
        self.previous = previous
        self.events = events
        self.maximumWords = maximumWords
    }

    /// The events as text, a line for each: who, a colon, what. Contents that are no text stand as their JSON.
    /// - Parameter characters: a longer content is cut in its middle, about to this many bytes; `nil` for none.
    public func transcript(cuttingContentsOver characters: Int? = 32_768) -> String {
        var lines: [String] = []
        lines.reserveCapacity(events.count)
        for event in events {
            let text = SummaryInput.words(of: event.content)
            let speaker = event.speaker ?? event.type ?? "event"
            let name = event.author.map { $0 == speaker ? speaker : "\(speaker) (\($0))" } ?? speaker
            lines.append("\(name): \(characters.map { SummaryInput.shortened(text, $0) } ?? text)")
        }
        return lines.joined(separator: "\n")
    }

    /// The words of a content: of a text itself, of a message its `content` or its parts' `text`, of anything else its JSON.
    private static func words(of content: JSON) -> String {
        if let text = content.stringValue { return text }
        if let text = content["content"]?.stringValue, content["tool_calls"] == nil { return text }
        if let parts = (content["content"] ?? content["parts"] ?? content).elements {
            let texts = parts.map { $0["text"]?.stringValue }
            if !texts.isEmpty, !texts.contains(nil) { return texts.compactMap { $0 }.joined(separator: "\n") }
        }
        return content.description
    }

    private static func shortened(_ text: String, _ length: Int) -> String {
        guard text.utf8.count > length else { return text }
        let half = length / 2
        let head = String(decoding: text.utf8.prefix(half), as: UTF8.self)
        let tail = String(decoding: text.utf8.suffix(half), as: UTF8.self)
        return "\(head) […] \(tail)"
    }
}
