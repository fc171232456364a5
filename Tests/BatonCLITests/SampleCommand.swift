@testable import BatonCLI

/// A small command of its own, so that these tests say nothing about what `baton` takes.
enum Sample {
    enum Level: String, CaseIterable, ArgumentValue { case info, warning, error }

    static let store = Option<String>(
        "store", "URL", default: "sqlite:baton.db", help: "Where sessions are kept", traits: OptionTraits(short: "s", isSecret: true))
    static let level = Option<Level>(
        "log-level", "LEVEL", default: .info, help: "What is logged", traits: OptionTraits(settable: .everywhereAs(key: "log.level")))
    static let json = Option<Bool>.flag("json", help: "Write NDJSON", traits: OptionTraits(short: "j"))
    static let quiet = Option<Bool>.flag("quiet", help: "Say less", traits: OptionTraits(short: "q", settable: .flagOnly))
    static let drain = Option<Duration>("drain", "TIME", default: .seconds(10), help: "How long requests may take at the end")
    static let body = Option<ByteSize>("max-body", "SIZE", default: .mebibytes(8), in: .kibibytes(1) ... .mebibytes(64), help: "The largest body")
    static let limit = Option<Int>("limit", "N", default: 50, in: 1...1000, help: "How many", traits: OptionTraits(short: "n"))
    static let after = Option<String?>("after", "OFFSET", help: "Begin after this offset")
    static let tags = Option<[String]>(repeated: "tag", "TAG", help: "Only with this tag")

    static let root = Command(
        name: "sample", summary: "Keeps sessions",
        options: [store.declaration, level.declaration, json.declaration, quiet.declaration, CommandLineParser.configuration.declaration],
        commands: [
            Command(
                name: "serve", summary: "Run the daemon", discussion: "It listens on loopback only, until there is a token.",
                examples: [Command.Example(line: "sample serve --drain 30s", meaning: "Give requests half a minute")],
                options: [drain.declaration, body.declaration], run: { _ in .success }),
            Command(
                name: "sessions", summary: "Look at sessions",
                commands: [
                    Command(
                        name: "list", summary: "List them", options: [limit.declaration, after.declaration, tags.declaration], run: { _ in .success }),
                    Command(
                        name: "show", summary: "Show one",
                        arguments: [
                            Argument(name: "SESSION", help: "as app/user/id"), Argument(name: "FIELD", help: "what to show", count: .any),
                        ], run: { _ in .success }),
                ]),
        ])

    static func outcome(
        _ line: String, environment: [String: String] = [:], file: String? = nil
    ) throws(UsageError) -> CommandLineParser.Outcome {
        let parser = CommandLineParser(root: root, environment: environment) { (path: String) throws(UsageError) in
            guard let file else { throw UsageError(message: "\(path): no such file") }
            return file
        }
        return try parser.parse(line.split(separator: " ").map(String.init))
    }

    static func run(_ line: String, environment: [String: String] = [:], file: String? = nil) throws -> Invocation {
        guard case .run(let invocation) = try outcome(line, environment: environment, file: file) else {
            throw UsageError(message: "expected a command to run")
        }
        return invocation
    }

    static func message(_ line: String, environment: [String: String] = [:], file: String? = nil) -> String? {
        do throws(UsageError) {
            _ = try outcome(line, environment: environment, file: file)
            return nil
        } catch {
            return error.message
        }
    }
}
