/// The options of a command as a Markdown table, for the documentation: a test keeps the two the same.
enum OptionTable {
    static func markdown(_ options: [OptionDeclaration]) -> String {
        let rows = options.map { option in
            [
                code(option.valueName.map { "\(option.longFlag) \($0)" } ?? option.longFlag), option.variable.map(code) ?? "",
                option.key.map(code) ?? "", option.isFlag ? code("false") : option.defaultText.map(code) ?? "", meaning(option),
            ]
        }
        let header = [["Flag", "Variable", "Key", "Default", "Meaning"], Array(repeating: "---", count: 5)]
        return (header + rows).map { "| \($0.joined(separator: " | ")) |\n" }.joined()
    }

    /// Every command that has options of its own, as a section each.
    static func markdown(tree root: Command) -> String {
        CommandPath(root: root).subtree.filter { !$0.last.options.isEmpty }.map { path in
            let title = path.commands.count == 1 ? "Every command" : "`\(path.text)`"
            return "## \(title)\n\n\(markdown(path.last.options))"
        }.joined(separator: "\n")
    }

    private static func meaning(_ option: OptionDeclaration) -> String {
        var text = option.help + "."
        if !option.choices.isEmpty { text += " One of " + option.choices.map(code).joined(separator: ", ") + "." }
        if option.isRepeated { text += " May be repeated; an array in the file." }
        return text.replacing("|", with: "\\|")
    }

    private static func code(_ text: String) -> String { text.isEmpty ? "" : "`\(text.replacing("|", with: "\\|"))`" }
}
