internal import BatonChat
internal import BatonCore
internal import BatonTelemetry

/// How summaries are made: by which model, and when.
enum SummaryOptions {
    static let url = Option<String?>(
        "summaries-url", "URL",
        help:
            "Make summaries of sessions by the models of this server, up to where OpenAI's endpoints look alike: http://localhost:11434/v1; needs --summaries-model"
    )
    static let model = Option<String?>("summaries-model", "NAME", help: "The model that makes summaries, as its server calls it")
    static let keyFile = Option<String?>(
        "summaries-key-file", "FILE", help: "Read the key for the server of models from this file; BATON_SUMMARIES_KEY holds the key itself",
        traits: OptionTraits(completesFiles: true))
    static let authorities = Option<String?>(
        "summaries-ca-file", "FILE", help: "Trust these authorities (PEM) for the server of models, instead of the system's",
        traits: OptionTraits(completesFiles: true))
    static let promptFile = Option<String?>(
        "summaries-prompt-file", "FILE",
        help: "Ask with this text, in which {conversation_text}, {previous_summary} and {max_summary_words} stand for what they say",
        traits: OptionTraits(completesFiles: true))
    static let words = Option<Int>("summaries-words", "N", default: 300, in: 1...100_000, help: "How long a summary may be")
    static let events = Option<Int?>(
        "summaries-after-events", "N", in: 1...1_000_000, help: "Make one after more than this many events; 50 when nothing else is said")
    static let tokens = Option<Int?>(
        "summaries-after-tokens", "N", in: 1...1 << 40, help: "Make one after events of more than this many tokens; 8000 when nothing else is said")
    static let idle = Option<Duration?>(
        "summaries-after-idle", "TIME", in: .seconds(1) ... .seconds(604_800), help: "Make one when nothing has come for longer than this")
    static let window = Option<Int?>(
        "summaries-window", "N", in: 1...1 << 40, help: "Make one when what came takes more than --summaries-share of a window of so many tokens")
    static let share = Option<Int>("summaries-share", "PERCENT", default: 50, in: 1...100, help: "The share of the window")
    static let needsAll = Option<Bool>.flag("summaries-after-all", help: "Make one when all of these hold, instead of any")
    static let kept = Option<Int>(
        "summaries-keep", "N", default: 10, in: 0...1_000, help: "Leave so many of the newest events out, to be shown as they are")
    static let branches = Option<[String]>(
        repeated: "summaries-branch", "BRANCH", help: "Of branches, only make those of this one, those above it and below it; of all without")
    static let noBranches = Option<Bool>.flag("summaries-whole-only", help: "Make those of whole sessions only")
    static let timeout = Option<Duration>(
        "summaries-timeout", "TIME", default: .seconds(60), in: .seconds(1) ... .seconds(3_000),
        help: "How long making one may take, further attempts included")
    static let workers = Option<Int>("summaries-workers", "N", default: 3, in: 1...256, help: "How many are made at once")

    /// Holds a secret, so it is a variable only.
    static let keyVariable = "BATON_SUMMARIES_KEY"

    /// What asking for one by hand needs.
    static let making = [
        url.declaration, model.declaration, keyFile.declaration, authorities.declaration, promptFile.declaration, words.declaration, kept.declaration,
        timeout.declaration,
    ]
    static let declarations =
        making + [
            events.declaration, tokens.declaration, idle.declaration, window.declaration, share.declaration, needsAll.declaration,
            branches.declaration,
            noBranches.declaration, workers.declaration,
        ]
}

extension Invocation {
    /// How summaries are made; `nil` without a server of models.
    func summaryConfiguration(byItself: Bool) throws -> SummaryConfiguration? {
        guard let url = self[SummaryOptions.url] else {
            if self[SummaryOptions.model] != nil {
                throw UsageError(message: "--summaries-model needs --summaries-url", command: path.text)
            }
            return nil
        }
        guard let model = self[SummaryOptions.model] else {
            throw UsageError(message: "--summaries-url needs --summaries-model", command: path.text)
        }
        var endpoint = ChatEndpoint(url: url, model: model, key: try summaryKey().map { Secret($0) })
        endpoint.authorities = self[SummaryOptions.authorities]
        endpoint.timeout = min(endpoint.timeout, self[SummaryOptions.timeout])
        var prompt = ChatPrompt.standard
        var limitsWords = true
        if let file = self[SummaryOptions.promptFile] {
            prompt = ChatPrompt(system: nil, user: try LocalFile.text(file, upTo: 256 << 10))
            // Who writes a prompt may say in it how long summaries are.
            limitsWords = false
        }
        let summarizer: ChatSummarizer
        do throws(StoreError) { summarizer = try ChatSummarizer(endpoint, prompt: prompt, limitsWords: limitsWords) } catch {
            throw UsageError(message: "--summaries-url: \(error.message)", command: path.text)
        }
        var configuration = SummaryConfiguration(summarizer, trigger: byItself ? summaryTrigger : nil)
        configuration.maximumWords = self[SummaryOptions.words]
        configuration.keptEvents = self[SummaryOptions.kept]
        configuration.timeout = self[SummaryOptions.timeout]
        guard byItself else { return configuration }
        configuration.workers = self[SummaryOptions.workers]
        let branches = self[SummaryOptions.branches]
        if self[SummaryOptions.noBranches] {
            configuration.branches = .only([])
        } else if !branches.isEmpty {
            configuration.branches = .only(branches)
        }
        return configuration
    }

    private var summaryTrigger: SummaryTrigger {
        var triggers: [SummaryTrigger] = []
        if let count = self[SummaryOptions.events] { triggers.append(.events(count)) }
        if let count = self[SummaryOptions.tokens] { triggers.append(.tokens(count)) }
        if let time = self[SummaryOptions.idle] { triggers.append(.idle(time)) }
        if let window = self[SummaryOptions.window] {
            triggers.append(.context(share: Double(self[SummaryOptions.share]) / 100, window: window))
        }
        if triggers.isEmpty { triggers = [.events(50), .tokens(8_000)] }
        return self[SummaryOptions.needsAll] ? .all(triggers) : .any(triggers)
    }

    private func summaryKey() throws -> String? {
        if let file = self[SummaryOptions.keyFile] {
            let words = try LocalFile.text(file, upTo: 64 << 10).split(whereSeparator: \.isWhitespace)
            guard words.count == 1 else {
                throw UsageError(message: "--summaries-key-file: \(TerminalText.quoted(file)) has to hold one key", command: path.text)
            }
            return String(words[0])
        }
        return ProcessEnvironment.variables[SummaryOptions.keyVariable].flatMap { $0.isEmpty ? nil : $0 }
    }
}
