extension Command {
    static let manual = Command(
        name: "manual", summary: "Print the manual page",
        discussion: "It is in the language of man pages, and made from what --help says of every command.",
        examples: [
            Example(line: "baton manual | man -l -", meaning: "Read it"),
            Example(line: "baton manual >~/.local/share/man/man1/baton.1", meaning: "Let man baton find it"),
        ]
    ) { invocation in
        try invocation.console.write(ManualPage.text)
        return .success
    }
}
