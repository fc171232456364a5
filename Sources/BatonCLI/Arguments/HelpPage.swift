/// The page that `--help` shows: usage, what it does, arguments, options, commands, examples.
struct HelpPage {
    let path: CommandPath
    var width = 80
    var style = Style(isColoured: false)

    var text: String {
        let command = path.last
        var sections = ["\(style.bold("Usage:")) \(usage)", wrapped(command.summary + ".", indent: 0)]
        if !command.discussion.isEmpty { sections.append(wrapped(command.discussion, indent: 0)) }
        if !command.arguments.isEmpty { sections.append(list("Arguments", command.arguments.map { ($0.name, $0.help + ".") })) }
        if !command.commands.isEmpty { sections.append(list("Commands", command.commands.map { ($0.name, $0.summary + ".") })) }
        if !command.options.isEmpty { sections.append(list("Options", command.options.map(Self.entry))) }
        let inherited = path.commands.dropLast().reversed().flatMap(\.options) + [CommandLineParser.help.declaration]
        sections.append(list("Options of every command", inherited.map(Self.entry)))
        if !command.examples.isEmpty {
            let lines = command.examples.map { "  \($0.line)\n" + wrapped($0.meaning + ".", indent: 6) }
            sections.append(style.bold("Examples:") + "\n" + lines.joined(separator: "\n"))
        }
        return sections.joined(separator: "\n\n") + "\n"
    }

    var usage: String {
        let command = path.last
        var words = [path.text]
        if !command.commands.isEmpty { words.append("COMMAND") }
        words.append("[OPTIONS]")
        return (words + command.arguments.map(\.usage)).joined(separator: " ")
    }

    /// What an option is called, and what it means, with where else it can be set and its default.
    static func entry(_ option: OptionDeclaration) -> (String, String) {
        var name = option.short.map { "-\($0), " } ?? "    "
        name += option.longFlag
        if let value = option.valueName { name += " \(value)" }
        var facts: [String] = []
        if !option.choices.isEmpty { facts.append("one of: " + option.choices.joined(separator: ", ")) }
        if option.isRepeated { facts.append("may be repeated") }
        if let text = option.defaultText, !text.isEmpty { facts.append("default: \(text)") }
        if let variable = option.variable { facts.append("\(variable)") }
        return (name, option.help + "." + (facts.isEmpty ? "" : " (\(facts.joined(separator: "; ")))"))
    }

    private func list(_ title: String, _ entries: [(name: String, text: String)]) -> String {
        let indent = min(entries.map { $0.name.count }.max() ?? 0, 28) + 4
        let lines = entries.map { entry in
            let text = wrapped(entry.text, indent: indent)
            // A long name has its line to itself.
            guard entry.name.count + 4 <= indent else { return "  \(style.bold(entry.name))\n\(text)" }
            return "  " + style.bold(entry.name) + String(repeating: " ", count: indent - entry.name.count - 2) + text.dropFirst(indent)
        }
        return style.bold(title + ":") + "\n" + lines.joined(separator: "\n")
    }

    /// Breaks at spaces; line breaks and indented lines of the text stay. A word that is longer than a line is left whole.
    func wrapped(_ text: String, indent: Int) -> String {
        let room = max(20, width - indent)
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            // What is indented is to be typed.
            guard !paragraph.hasPrefix("  ") else {
                lines.append(margin + paragraph)
                continue
            }
            var line = ""
            for word in paragraph.split(separator: " ") {
                if !line.isEmpty, DisplayWidth.of(line) + 1 + DisplayWidth.of(word) > room {
                    lines.append(margin + line)
                    line = ""
                }
                line += line.isEmpty ? String(word) : " \(word)"
            }
            lines.append(line.isEmpty ? "" : margin + line)
        }
        return lines.joined(separator: "\n")
    }
}
