extension Command {
    static let completion = Command(
        name: "completion", summary: "Print a script that completes command lines in a shell",
        examples: [
            Example(line: "source <(baton completion bash)", meaning: "In ~/.bashrc"),
            Example(line: "baton completion zsh >\"${fpath[1]}/_baton\"", meaning: "For zsh"),
            Example(line: "baton completion fish >~/.config/fish/completions/baton.fish", meaning: "For fish"),
        ],
        arguments: [Argument(name: "SHELL", help: "bash, zsh or fish")]
    ) { invocation in
        let name = invocation[argument: "SHELL"] ?? ""
        guard let shell = Completion.Shell(rawValue: name) else {
            throw UsageError(message: "\(TerminalText.quoted(name)) is no shell that is known: bash, zsh or fish", command: invocation.path.text)
        }
        try invocation.console.write(Completion.script(for: shell, root: BatonCommand.root))
        return .success
    }
}
