/// Scripts that complete a command line in a shell, made from the declarations.
enum Completion {
    enum Shell: String, CaseIterable, ArgumentValue { case bash, zsh, fish }

    static func script(for shell: Shell, root: Command) -> String {
        let paths = CommandPath(root: root).subtree
        return switch shell {
        case .bash: BashCompletion(paths: paths).script
        case .zsh: ZshCompletion(paths: paths).script
        case .fish: FishCompletion(paths: paths).script
        }
    }

    /// In single quotes, which all three shells leave alone.
    static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: #"'\''"#) + "'" }

    /// Which options take a value: the words after them are not commands.
    static func optionsWithValue(_ paths: [CommandPath]) -> [String] {
        var seen: Set<String> = []
        return paths.flatMap(\.last.options).filter { !$0.isFlag }.flatMap(flags).filter { seen.insert($0).inserted }
    }

    static func flags(_ option: OptionDeclaration) -> [String] { [option.longFlag] + (option.short.map { ["-\($0)"] } ?? []) }
    static func options(_ path: CommandPath) -> [OptionDeclaration] { path.options + [CommandLineParser.help.declaration] }

    /// The commands below the root, as `sessions list`; empty for the root.
    static func tail(_ path: CommandPath) -> String { path.commands.dropFirst().map(\.name).joined(separator: " ") }
}

private struct BashCompletion {
    let paths: [CommandPath]

    var script: String {
        let name = paths[0].last.name
        return """
            # Completion for \(name): source this, or put it where bash-completion looks.
            _\(name)() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path="" word skip=""
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    if [[ -n $skip ]]; then skip=""; continue; fi
                    case $word in
                        \(pattern(Completion.optionsWithValue(paths)))) skip=yes ;;
                        -*|=) ;;
                        *) case "$path $word" in
                            \(pattern(paths.dropFirst().map { Completion.quoted(" " + Completion.tail($0)) }))) path="$path $word" ;;
                        esac ;;
                    esac
                done
                COMPREPLY=()
                case "$path:$previous" in
            \(values.joined(separator: "\n"))
                esac
                local words=""
                case "$path" in
            \(words.joined(separator: "\n"))
                esac
                if [[ $current != -* && -z $words ]]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
                COMPREPLY=($(compgen -W "$words" -- "$current"))
            }
            complete -o default -F _\(name) \(name)

            """
    }

    private func pattern(_ words: [String]) -> String { words.isEmpty ? "''" : words.joined(separator: "|") }

    private func place(_ path: CommandPath) -> String { path.commands.dropFirst().map { " " + $0.name }.joined() }

    /// What may follow an option that takes a value.
    private var values: [String] {
        paths.flatMap { path in
            Completion.options(path).filter { !$0.isFlag }.map { option in
                let places = Completion.flags(option).map { Completion.quoted("\(place(path)):\($0)") }.joined(separator: "|")
                let reply =
                    option.completesFiles
                    ? #"$(compgen -f -- "$current")"#
                    : option.choices.isEmpty ? "" : #"$(compgen -W \#(Completion.quoted(option.choices.joined(separator: " "))) -- "$current")"#
                return "        \(places)) COMPREPLY=(\(reply)); return ;;"
            }
        }
    }

    /// Commands at a command that has some, and its options.
    private var words: [String] {
        paths.map { path in
            let options = Completion.options(path).map(\.longFlag).joined(separator: " ")
            let commands = path.last.commands.map(\.name).joined(separator: " ")
            return """
                        \(Completion.quoted(place(path)))) words=\(Completion.quoted(commands)); if [[ $current == -* ]]; then words=\(Completion.quoted(options)); fi ;;
                """
        }
    }
}

private struct ZshCompletion {
    let paths: [CommandPath]

    var script: String {
        let name = paths[0].last.name
        return """
            #compdef \(name)
            # Completion for \(name): put it into a folder of $fpath as _\(name).
            \(paths.map(function).joined(separator: "\n"))
            if [[ $funcstack[1] == _\(name) ]]; then _\(name) "$@"; else compdef _\(name) \(name); fi

            """
    }

    private func functionName(_ path: CommandPath) -> String { "_" + path.commands.map(\.name).joined(separator: "_") }

    /// One function a command; one with sub-commands hands over to theirs.
    private func function(_ path: CommandPath) -> String {
        var specifications = Completion.options(path).flatMap(specification)
        let name = functionName(path)
        guard !path.last.commands.isEmpty else {
            specifications.append("'*:argument:_files'")
            return "\(name)() {\n    _arguments -s \(specifications.joined(separator: " \\\n        "))\n}"
        }
        specifications += ["'1:command:->command'", "'*::argument:->argument'"]
        let commands = path.last.commands.map { Completion.quoted("\($0.name):\($0.summary)") }.joined(separator: " ")
        let cases = path.last.commands.map { "            \($0.name)) \(functionName(path.appending($0))) ;;" }.joined(separator: "\n")
        return """
            \(name)() {
                local state line
                local -a commands=(\(commands))
                _arguments -s -C \(specifications.joined(separator: " \\\n        "))
                case $state in
                    command) _describe command commands ;;
                    argument) case $line[1] in
            \(cases)
                    esac ;;
                esac
            }
            """
    }

    private func specification(_ option: OptionDeclaration) -> [String] {
        let help = option.help.replacing("[", with: "\\[").replacing("]", with: "\\]")
        return Completion.flags(option).map { flag in
            let equals = option.isFlag ? "" : flag.hasPrefix("--") ? "=" : "+"
            var text = "\(option.isRepeated ? "*" : "")\(flag)\(equals)[\(help)]"
            if let value = option.valueName {
                text += ":\(value.replacing(":", with: "\\:")):"
                text += option.completesFiles ? "_files" : option.choices.isEmpty ? " " : "(\(option.choices.joined(separator: " ")))"
            }
            return Completion.quoted(text)
        }
    }
}

private struct FishCompletion {
    let paths: [CommandPath]

    var script: String {
        let name = paths[0].last.name
        let lines = paths.flatMap { path in
            let condition = "-n " + Completion.quoted("__\(name)_at \(Completion.quoted(Completion.tail(path)))".replacing("'", with: "\""))
            let commands = path.last.commands.map {
                "complete -c \(name) \(condition) -f -a \(Completion.quoted($0.name)) -d \(Completion.quoted($0.summary))"
            }
            return commands + Completion.options(path).map { "complete -c \(name) \(condition) \(specification($0))" }
        }
        return """
            # Completion for \(name): put it into ~/.config/fish/completions/\(name).fish.
            function __\(name)_at
                set -l path
                set -l skip no
                for word in (commandline -opc)[2..-1]
                    if test $skip = yes
                        set skip no
                        continue
                    end
                    switch $word
                        case \(Completion.optionsWithValue(paths).joined(separator: " "))
                            set skip yes
                        case '-*'
                        case '*'
                            if contains -- (string join ' ' $path $word) \(paths.dropFirst().map { Completion.quoted(Completion.tail($0)) }.joined(separator: " "))
                                set -a path $word
                            end
                    end
                end
                set -l place (string join ' ' $path)
                test "$place" = "$argv"
            end
            \(lines.joined(separator: "\n"))

            """
    }

    private func specification(_ option: OptionDeclaration) -> String {
        var text = "-l \(option.name)"
        if let short = option.short { text += " -s \(short)" }
        if !option.isFlag { text += option.completesFiles ? " -r -F" : " -x" }
        if !option.choices.isEmpty { text += " -a " + Completion.quoted(option.choices.joined(separator: " ")) }
        return text + " -d " + Completion.quoted(option.help)
    }
}
