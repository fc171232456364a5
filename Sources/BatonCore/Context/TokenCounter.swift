/// Counts what text costs a model.
///
/// A context is chosen by such counts, so a counter has to give the same number for the same text every time.
public protocol TokenCounter: Sendable {
    /// How many tokens a text has; at least 0.
    func tokens(in text: String) -> Int

    /// How many tokens the content of an event has, images aside, without what a model adds for each message.
    ///
    /// By default the content is counted as the text that it is: that of a JSON string unescaped, anything else as its JSON.
    func tokens(in content: JSON) -> Int
}

extension TokenCounter {
    /// Counts a JSON string as its text, anything else as its JSON.
    public func tokens(in content: JSON) -> Int { tokens(in: content.stringValue ?? content.description) }
}

/// Estimates tokens by the size of a text: fast, and near enough for a budget with some reserve.
///
/// ASCII costs one token for each ``charactersPerToken`` characters; other alphabets cost about two characters a token, and scripts such as Chinese
/// one character a token, because vocabularies know few words of them. Cost: one pass over the bytes.
public struct TokenEstimate: TokenCounter {
    /// How many ASCII characters a token has, on average.
    public let charactersPerToken: Double

    /// An estimate; 4 characters a token unless said otherwise. What is not over 0 counts as 1.
    public init(charactersPerToken: Double = 4) {
        self.charactersPerToken = charactersPerToken > 0 ? charactersPerToken : 1
    }

    /// About how many tokens a text has, rounded up.
    public func tokens(in text: String) -> Int {
        var text = text
        return text.withUTF8 { tally($0) }
    }

    /// About how many tokens a content has; it is counted as it is written, which spares taking it apart.
    public func tokens(in content: JSON) -> Int { content.bytes.withUnsafeBufferPointer { tally($0) } }

    private func tally(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var (ascii, two, more) = (0, 0, 0)
        let memory = UnsafeRawBufferPointer(bytes)
        var index = 0
        while index < bytes.count {
            let end = min(index + 8, bytes.count)
            // Most text is ASCII, which is counted eight bytes at a time.
            if end - index == 8, memory.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
                ascii += 8
            } else {
                for byte in bytes[index..<end] {
                    // Lead bytes tell how long a scalar is (RFC 3629 §3); the others say nothing.
                    if byte < 0x80 { ascii += 1 } else if byte >= 0xE0 { more += 1 } else if byte >= 0xC0 { two += 1 }
                }
            }
            index = end
        }
        return Int((Double(ascii) / charactersPerToken + Double(two) / 2 + Double(more)).rounded(.up))
    }
}

/// Which counter belongs to which model.
public struct TokenCounters: Sendable {
    /// The counter of models that nobody registered.
    public var fallback: any TokenCounter
    private var registered: [(prefix: String, counter: any TokenCounter)] = []

    /// Only a counter for all models.
    public init(_ fallback: any TokenCounter = TokenEstimate()) { self.fallback = fallback }

    /// Estimates for all models; those of the `claude` family with 3.5 characters a token.
    public static let standard: TokenCounters = {
        var counters = TokenCounters()
        counters.register(TokenEstimate(charactersPerToken: 3.5), for: "claude")
        return counters
    }()

    /// Uses a counter for all models whose names begin with `prefix`; a longer prefix comes before a shorter one, a later registration of one replaces the earlier.
    public mutating func register(_ counter: any TokenCounter, for prefix: String) {
        registered.removeAll { Name.isSame($0.prefix, prefix) }
        registered.append((prefix, counter))
    }

    /// The counter of a model; the fallback's without a name. A provider before the name, as in `anthropic/claude-4`, is passed over.
    public func counter(for model: String?) -> any TokenCounter {
        guard let model else { return fallback }
        let name = model.utf8.split(separator: UInt8(ascii: "/")).last ?? model.utf8[...]
        let matching = registered.filter { model.utf8.starts(with: $0.prefix.utf8) || name.starts(with: $0.prefix.utf8) }
        return matching.max { $0.prefix.utf8.count < $1.prefix.utf8.count }?.counter ?? fallback
    }
}
