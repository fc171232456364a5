internal import BatonServer

/// The manual page `baton(1)`, made from the declarations of all commands.
enum ManualPage {
    static var text: String {
        let root = BatonCommand.root
        let paths = CommandPath(root: root).subtree.dropFirst()
        var page = Roff()
        page.title("BATON", section: 1, source: "baton \(Daemon.version)", manual: "User Commands")
        page.section("NAME")
        page.text("baton - \(root.summary)")
        page.section("SYNOPSIS")
        page.bold(HelpPage(path: CommandPath(root: root)).usage)
        page.section("DESCRIPTION")
        page.prose(root.discussion)
        page.section("OPTIONS OF EVERY COMMAND")
        page.options(root.options + [CommandLineParser.help.declaration])
        page.section("COMMANDS")
        for path in paths where path.last.commands.isEmpty || !path.last.discussion.isEmpty || !path.last.options.isEmpty {
            page.command(path)
        }
        page.section("ENVIRONMENT")
        page.text("Options name the variable that they may be set by. The flag wins over the variable, the variable over the configuration file.")
        page.entry(CommonOptions.tokenVariable, "The token for a daemon. It has neither flag nor key: command lines and files are read by others.")
        page.section("FILES")
        page.entry("/etc/baton/baton.toml", "The configuration of the service that the Debian package installs: key = value, strings in quotes.")
        page.entry("/var/lib/baton/baton.db", "The store of that service, with baton.db-wal and baton.db-shm beside it.")
        page.section("SIGNALS")
        page.text("Of baton serve:")
        page.entry("SIGTERM, SIGINT", "Drain: no new connections, requests finish, streams end and can be resumed. A second one ends at once.")
        page.entry("SIGHUP", "Read certificates and keys anew.")
        page.section("EXIT STATUS")
        for code in ExitCode.allCases { page.entry(String(code.rawValue), code.meaning + ".") }
        return page.text
    }
}

/// Writes the macros of man(7).
private struct Roff {
    private(set) var text = ""

    mutating func title(_ name: String, section: Int, source: String, manual: String) {
        macro("TH", [name, String(section), "", source, manual])
    }

    mutating func section(_ title: String) { macro("SH", [title]) }

    mutating func text(_ line: String) { text += Self.escaped(line) + "\n" }

    mutating func bold(_ line: String) { text += "\\fB\(Self.escaped(line))\\fR\n" }

    /// Paragraphs; what is indented is to be typed, and keeps its lines.
    mutating func prose(_ paragraphs: String) {
        var isTyped = false
        for line in paragraphs.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("  ") != isTyped, !line.isEmpty {
                macro(isTyped ? "EE" : "EX", [])
                isTyped.toggle()
            }
            if line.isEmpty { macro("PP", []) } else { text(String(line)) }
        }
        if isTyped { macro("EE", []) }
    }

    mutating func entry(_ name: String, _ meaning: String) {
        macro("TP", [])
        bold(name)
        text(meaning)
    }

    mutating func options(_ options: [OptionDeclaration]) {
        for option in options {
            let (name, meaning) = HelpPage.entry(option)
            entry(String(name.drop { $0 == " " }), meaning)
        }
    }

    mutating func command(_ path: CommandPath) {
        let command = path.last
        macro("SS", [HelpPage(path: path).usage])
        text(command.summary + ".")
        if !command.discussion.isEmpty {
            macro("PP", [])
            prose(command.discussion)
        }
        for argument in command.arguments { entry(argument.name, argument.help + ".") }
        options(command.options)
        for example in command.examples {
            macro("PP", [])
            text(example.meaning + ":")
            macro("EX", [])
            text("  " + example.line)
            macro("EE", [])
        }
    }

    private mutating func macro(_ name: String, _ arguments: [String]) {
        let words = arguments.map { "\"\(Self.escaped($0).replacing("\"", with: "\\(dq"))\"" }
        text += ([".\(name)"] + words).joined(separator: " ") + "\n"
    }

    /// A backslash begins an escape, a dot or an apostrophe at the beginning of a line a macro, and a hyphen may become a dash.
    private static func escaped(_ line: String) -> String {
        let line = line.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("'", with: "\\(aq")
        return line.hasPrefix(".") ? "\\&" + line : line
    }
}
