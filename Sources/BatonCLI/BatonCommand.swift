internal import BatonIO

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The command line of Baton. Commands run on the main thread, which may wait for pipes without holding up anything else.
package enum BatonCommand {
    /// Does what the process's arguments say, and ends the process.
    @MainActor
    package static func main() async {
        ProcessLimits.ignoreBrokenPipes()
        exit(await run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    /// The whole tree of commands.
    static let root: Command = Command(
        name: "baton",
        summary: "The session layer for AI agents: one store for conversations and working state, followed live",
        discussion: """
            Start with a daemon, in one terminal:

              baton serve

            Then talk to it from another, as any program would over HTTP:

              export BATON_STORE=http://127.0.0.1:4437
              baton append --create demo/ann/first --role user --content 'Hello'
              baton tail demo/ann/first

            A session is named APP/USER/SESSION. The same commands work on a file without any daemon: --store sqlite:baton.db. On a \
            terminal they print tables, in pipes one JSON object a line.
            """,
        options: CommonOptions.declarations,
        commands: [
            .serve, .sessions, .append, .events, .blob, .tail, .context, .state, .lease, .tools, .approvals, .tracks, .summaries, .topics, .signals,
            .webHooks, .spool, .tokens, .doctor, .bench, .completion, .manual, .version,
        ])

    @MainActor
    private static func run(_ words: [String]) async -> ExitCode {
        let parser = CommandLineParser(root: root, environment: ProcessEnvironment.variables, readFile: LocalFile.configuration)
        // Known only once the command line was understood; what goes wrong before is said in plain words all the same.
        var console = Console(json: words.contains("--json"))
        do {
            if words.isEmpty { return try show(CommandPath(root: root), console) }
            if words == ["--version"] { return try Command.showVersion(on: console) }
            switch try parser.parse(words) {
            case .help(let path): return try show(path, console)
            case .run(let invocation):
                console = invocation.console
                guard let run = invocation.path.last.run else { throw UsageError(message: "\(invocation.path.text) does nothing by itself") }
                return try await run(invocation)
            }
        } catch {
            return Failure(error).report(on: console)
        }
    }

    private static func show(_ path: CommandPath, _ console: Console) throws -> ExitCode {
        try console.write(HelpPage(path: path, width: min(console.width ?? 80, 100), style: console.outputStyle).text)
        return .success
    }
}
