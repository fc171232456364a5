/// Turns words into an invocation. Pure: the environment and the configuration file are handed in.
struct CommandLineParser {
    let root: Command
    let environment: [String: String]
    /// Reads the configuration file at a path; throws what is to be said when it cannot be read.
    let readFile: (String) throws(UsageError) -> String
    /// The option that names the configuration file.
    static let configuration = Option<String?>(
        "config", "FILE", help: "Read settings from this file", traits: OptionTraits(settable: .variable, completesFiles: true))
    static let help = Option<Bool>.flag("help", help: "Show this page", traits: OptionTraits(short: "h", settable: .flagOnly))

    enum Outcome {
        case run(Invocation)
        case help(CommandPath)
    }

    /// Understands the words after the program's name.
    func parse(_ words: [String]) throws(UsageError) -> Outcome {
        var state = State(path: CommandPath(root: root), words: words[...])
        while let word = state.words.popFirst() {
            if state.optionsEnded || word == "-" || !word.hasPrefix("-") {
                try takeWord(word, &state)
            } else if word == "--" {
                state.optionsEnded = true
            } else if word.hasPrefix("--") {
                try takeLong(word.dropFirst(2), &state)
            } else {
                try takeShort(word.dropFirst(), &state)
            }
        }
        let path = state.path
        if state.given[Self.help.declaration.name] != nil { return .help(path) }
        guard path.last.commands.isEmpty else {
            throw UsageError(
                message: "\(path.text) needs a command: " + path.last.commands.map(\.name).joined(separator: ", "), command: path.text)
        }
        let arguments = try assign(state.positional, path)
        return .run(Invocation(path: path, arguments: arguments, settings: try settings(state.given, path)))
    }

    private struct State {
        var path: CommandPath
        var words: ArraySlice<String>
        var optionsEnded = false
        var positional: [String] = []
        var given: [String: [String]] = [:]
    }

    // MARK: Words

    private func takeWord(_ word: String, _ state: inout State) throws(UsageError) {
        let command = state.path.last
        guard !command.commands.isEmpty else {
            state.positional.append(word)
            return
        }
        guard let next = command.commands.first(where: { $0.name == word }) else {
            // `baton help serve` is what people try first.
            if word == "help", state.path.commands.count == 1 {
                state.given[Self.help.declaration.name] = ["true"]
                return
            }
            throw UsageError(
                message: "there is no command \(quoted(word))" + Spelling.suggestion(for: word, among: command.commands.map(\.name)),
                command: state.path.text)
        }
        state.path = state.path.appending(next)
    }

    private func options(_ path: CommandPath) -> [OptionDeclaration] { path.options + [Self.help.declaration] }

    private func takeLong(_ word: Substring, _ state: inout State) throws(UsageError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let option = options(state.path).first(where: { $0.name == name }) else {
            throw unknown("--" + name, state.path)
        }
        try take(option, as: "--" + name, attached: parts.count == 2 ? String(parts[1]) : nil, &state)
    }

    /// `-v`, `-n 5`, `-n5`, and flags together: `-qv`.
    private func takeShort(_ letters: Substring, _ state: inout State) throws(UsageError) {
        var letters = letters
        while let letter = letters.popFirst() {
            guard let option = options(state.path).first(where: { $0.short == letter }) else { throw unknown("-\(letter)", state.path) }
            if option.isFlag {
                try take(option, as: "-\(letter)", attached: nil, &state)
            } else {
                let rest = letters.hasPrefix("=") ? letters.dropFirst() : letters
                try take(option, as: "-\(letter)", attached: letters.isEmpty ? nil : String(rest), &state)
                return
            }
        }
    }

    private func take(_ option: OptionDeclaration, as flag: String, attached: String?, _ state: inout State) throws(UsageError) {
        var value = attached
        if value == nil, option.isFlag { value = "true" }
        if value == nil, let next = state.words.first, !isOption(next, state.path) { value = state.words.popFirst() }
        guard let value else {
            throw UsageError(message: "\(flag) needs a value: \(flag) \(option.valueName ?? "")", command: state.path.text)
        }
        try check(value, of: option, at: flag, path: state.path)
        if option.isRepeated {
            state.given[option.name, default: []].append(value)
        } else {
            state.given[option.name] = [value]
        }
    }

    /// A value may start with a dash, as a negative number does, unless it is an option of this very command.
    private func isOption(_ word: String, _ path: CommandPath) -> Bool {
        guard word.hasPrefix("-"), word != "-" else { return false }
        if word == "--" { return true }
        let name = word.split(separator: "=", maxSplits: 1)[0]
        return options(path).contains { $0.longFlag == name || $0.short.map { "-\($0)" == name } == true }
    }

    private func unknown(_ flag: String, _ path: CommandPath) -> UsageError {
        let here = options(path)
        var hint = Spelling.suggestion(for: flag, among: here.map(\.longFlag))
        if hint.isEmpty, let below = path.subtree.dropFirst().first(where: { $0.last.options.contains { $0.longFlag == flag } }) {
            hint = "; it belongs after \(below.text)"
        }
        return UsageError(message: "\(path.text) has no option \(quoted(flag))\(hint)", command: path.text)
    }

    private func check(_ value: String, of option: OptionDeclaration, at place: String, path: CommandPath?) throws(UsageError) {
        guard let complaint = option.complaint(value) else { return }
        let shown = option.isSecret ? "its value" : quoted(value)
        throw UsageError(
            message: "\(place): \(shown) is not allowed, \(complaint)\(Spelling.suggestion(for: value, among: option.choices))", command: path?.text)
    }

    // MARK: Positional arguments

    private func assign(_ words: [String], _ path: CommandPath) throws(UsageError) -> [String: [String]] {
        var rest = words[...]
        var result: [String: [String]] = [:]
        for argument in path.last.arguments {
            switch argument.count {
            case .one, .optional:
                if let word = rest.popFirst() {
                    result[argument.name] = [word]
                } else if argument.count == .one {
                    throw UsageError(message: "\(path.text) needs \(argument.name): \(argument.help)", command: path.text)
                }
            case .any, .atLeastOne:
                guard argument.count == .any || !rest.isEmpty else {
                    throw UsageError(message: "\(path.text) needs \(argument.name): \(argument.help)", command: path.text)
                }
                result[argument.name] = Array(rest)
                rest = []
            }
        }
        if let extra = rest.first {
            throw UsageError(message: "\(path.text) does not know what to do with \(quoted(extra))", command: path.text)
        }
        return result
    }

    // MARK: Flag, then variable, then file

    private func settings(_ given: [String: [String]], _ path: CommandPath) throws(UsageError) -> [String: Invocation.Setting] {
        var settings: [String: Invocation.Setting] = [:]
        for option in options(path) {
            if let texts = given[option.name] {
                settings[option.name] = Invocation.Setting(texts: texts, source: .flag)
            } else if let name = option.variable, let text = environment[name], !text.isEmpty {
                let texts = option.isRepeated ? text.split(separator: ",").map(String.init) : [text]
                for text in texts { try check(text, of: option, at: name, path: path) }
                settings[option.name] = Invocation.Setting(texts: texts, source: .variable(name))
            }
        }
        if let file = settings[Self.configuration.declaration.name]?.texts.last {
            let entries = try ConfigurationFile.parse(try readFile(file), named: file)
            try add(entries, from: file, to: &settings, path)
        }
        return settings
    }

    private func add(
        _ entries: [ConfigurationFile.Entry], from file: String, to settings: inout [String: Invocation.Setting], _ path: CommandPath
    ) throws(UsageError) {
        // One file serves all commands, so a key of another command is known too.
        let everything = CommandPath(root: root).subtree.flatMap(\.last.options)
        let here = path.options
        for entry in entries {
            let place = "\(file), line \(entry.line)"
            guard let option = (here + everything).first(where: { $0.key == entry.key }) else {
                let keys = everything.compactMap(\.key)
                throw UsageError(
                    message: "\(place): there is no key \(quoted(entry.key))" + Spelling.suggestion(for: entry.key, among: keys))
            }
            let texts = try entry.value.texts(for: option, at: "\(place), \(entry.key)")
            for text in texts { try check(text, of: option, at: "\(place), \(entry.key)", path: nil) }
            if settings[option.name] == nil, here.contains(where: { $0.key == entry.key }) {
                settings[option.name] = Invocation.Setting(texts: texts, source: .file(file, line: entry.line))
            }
        }
    }

    private func quoted(_ word: String) -> String { TerminalText.quoted(word) }
}
