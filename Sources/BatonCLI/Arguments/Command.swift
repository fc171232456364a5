/// One command: what it takes, what it says of itself, and what it does. Commands with sub-commands only group them.
struct Command: Sendable {
    let name: String
    /// One line, without a full stop.
    let summary: String
    /// Further paragraphs for the help page.
    var discussion = ""
    var examples: [Example] = []
    /// Sub-commands take the options of the commands above them as well.
    var options: [OptionDeclaration] = []
    var arguments: [Argument] = []
    var commands: [Command] = []
    var run: (@Sendable (Invocation) async throws -> ExitCode)?

    /// A command line and what it does.
    struct Example: Sendable {
        let line: String
        let meaning: String
    }
}

/// A positional argument.
struct Argument: Sendable {
    enum Count: Sendable { case one, optional, any, atLeastOne }

    /// In capitals.
    let name: String
    let help: String
    var count = Count.one

    /// As it stands in usage.
    var usage: String {
        switch count {
        case .one: name
        case .optional: "[\(name)]"
        case .any: "[\(name)...]"
        case .atLeastOne: "\(name)..."
        }
    }
}

/// A command, and the commands above it.
struct CommandPath: Sendable {
    let commands: [Command]

    init(root: Command) { commands = [root] }
    private init(commands: [Command]) { self.commands = commands }

    func appending(_ command: Command) -> CommandPath { CommandPath(commands: commands + [command]) }

    var last: Command { commands[commands.count - 1] }
    /// As it is typed: `baton sessions list`.
    var text: String { commands.map(\.name).joined(separator: " ") }
    /// The options that may be given here: the command's own first.
    var options: [OptionDeclaration] { commands.reversed().flatMap(\.options) }

    /// This path and all below it, in the order of their declaration.
    var subtree: [CommandPath] { [self] + last.commands.flatMap { appending($0).subtree } }
}
