import Testing

@testable import BatonCLI

@Suite("Command line")
struct CommandLineTests {
    @Test("finds the command, its options and those of the commands above it")
    func commands() throws {
        let invocation = try Sample.run("--store a sessions -j list --limit 7")
        #expect(invocation.path.text == "sample sessions list")
        #expect(invocation[Sample.store] == "a")
        #expect(invocation[Sample.json])
        #expect(invocation[Sample.limit] == 7)
        #expect(invocation[Sample.after] == nil)
        #expect(invocation[Sample.tags].isEmpty)
    }

    @Test(
        "values may be attached or follow",
        arguments: ["--limit=7", "--limit 7", "-n 7", "-n7", "-n=7", "-jn7", "-jqn 7", "--limit=3 --limit=7"])
    func attachment(words: String) throws {
        #expect(try Sample.run("sessions list \(words)")[Sample.limit] == 7)
    }

    @Test("options may be repeated where they are lists")
    func repetition() throws {
        #expect(try Sample.run("sessions list --tag a --tag=b=c --tag ,")[Sample.tags] == ["a", "b=c", ","])
    }

    @Test("a value may start with a dash unless it is an option here")
    func dashes() throws {
        #expect(try Sample.run("sessions list --after -")[Sample.after] == "-")
        #expect(try Sample.run("sessions list --after -1")[Sample.after] == "-1")
        #expect(try Sample.run("sessions list --after=--json")[Sample.after] == "--json")
        #expect(Sample.message("sessions list --after --json") == "--after needs a value: --after OFFSET")
        #expect(Sample.message("sessions list --after") == "--after needs a value: --after OFFSET")
    }

    @Test("flags can be contradicted")
    func flags() throws {
        #expect(try Sample.run("serve --json=false", environment: ["BATON_JSON": "yes"])[Sample.json] == false)
        #expect(try Sample.run("serve", environment: ["BATON_JSON": "yes"])[Sample.json])
        #expect(Sample.message("serve --json=maybe") == #"--json: "maybe" is not allowed, expected true or false"#)
    }

    @Test("arguments are assigned in order; -- ends options")
    func positional() throws {
        let invocation = try Sample.run("sessions show -- --odd a b")
        #expect(invocation[argument: "SESSION"] == "--odd")
        #expect(invocation.arguments["FIELD"] == ["a", "b"])
        #expect(try Sample.run("sessions show x").arguments["FIELD"] == [])
        #expect(Sample.message("sessions show") == "sample sessions show needs SESSION: as app/user/id")
        #expect(Sample.message("serve now") == #"sample serve does not know what to do with "now""#)
    }

    @Test(
        "says what is wrong and what was probably meant",
        arguments: [
            ("srve", #"there is no command "srve"; did you mean serve?"#),
            ("sessions lsit", #"there is no command "lsit"; did you mean list?"#),
            ("frobnicate", #"there is no command "frobnicate""#),
            ("serve --stroe x", #"sample serve has no option "--stroe"; did you mean --store?"#),
            ("--limit 5 sessions list", #"sample has no option "--limit"; it belongs after sample sessions list"#),
            ("serve -x", #"sample serve has no option "-x""#),
            ("", "sample needs a command: serve, sessions"),
            ("sessions", "sample sessions needs a command: list, show"),
            ("serve --log-level warnin", #"--log-level: "warnin" is not allowed, expected one of info, warning, error; did you mean warning?"#),
            ("sessions list -n 0", #"-n: "0" is not allowed, allowed is 1 to 1000"#),
            ("sessions list -n many", #"-n: "many" is not allowed, expected a whole number"#),
            ("serve --max-body 1GiB", #"--max-body: "1GiB" is not allowed, allowed is 1KiB to 64MiB"#),
            ("serve --drain 30", #"--drain: "30" is not allowed, expected a duration such as 250ms, 30s, 5m, 1h30m or 7d"#),
        ])
    func mistakes(line: String, message: String) {
        #expect(Sample.message(line) == message)
    }

    @Test("what a terminal would obey is escaped, and what is long is cut")
    func hostileWords() throws {
        let message = try #require(Sample.message("\u{1B}[2J" + String(repeating: "x", count: 10_000)))
        #expect(!message.contains("\u{1B}"))
        #expect(message.count < 200)
    }

    @Test("errors name the command whose help explains more")
    func help() throws {
        do throws(UsageError) {
            _ = try Sample.outcome("sessions list --limits 1")
            Issue.record("expected an error")
        } catch {
            #expect(error.description.hasSuffix("\nSee: sample sessions list --help"))
        }
        for line in ["sessions list --help", "sessions list -h --limit=1", "help sessions list"] {
            guard case .help(let path) = try Sample.outcome(line) else {
                Issue.record("expected help for \(line)")
                continue
            }
            #expect(path.text == "sample sessions list")
        }
    }
}

@Suite("Where a setting comes from")
struct PrecedenceTests {
    let file = "drain = \"3s\"\nstore = \"file\"\n[log]\nlevel = \"error\"\n"

    @Test("flag before variable before file before default")
    func order() throws {
        let drain = Sample.drain
        let variable = ["BATON_DRAIN": "2s", "BATON_CONFIG": "f.toml"]
        #expect(try Sample.run("serve --drain 1s", environment: variable, file: file)[drain] == .seconds(1))
        #expect(try Sample.run("serve", environment: variable, file: file)[drain] == .seconds(2))
        #expect(try Sample.run("serve --config f.toml", file: file)[drain] == .seconds(3))
        #expect(try Sample.run("serve", file: file)[drain] == .seconds(10))
        #expect(try Sample.run("serve", environment: ["BATON_DRAIN": ""])[drain] == .seconds(10))
    }

    @Test("the source of each value is known, and secrets stay hidden")
    func sources() throws {
        let invocation = try Sample.run("serve --config f.toml --drain 1s", environment: ["BATON_MAX_BODY": "1MiB"], file: file)
        #expect(invocation.source(of: Sample.drain) == .flag)
        #expect(invocation.source(of: Sample.body) == .variable("BATON_MAX_BODY"))
        #expect(invocation.source(of: Sample.level) == .file("f.toml", line: 4))
        #expect(invocation.source(of: Sample.json) == .byDefault)
        #expect(invocation[Sample.level] == .error)
        let effective = invocation.effective
        #expect(effective.first { $0.name == "store" }?.value == "[redacted]")
        #expect(effective.first { $0.name == "max-body" }?.value == "1MiB")
        #expect(effective.first { $0.name == "drain" }?.value == "1s")
    }

    @Test("lists are separated by commas in variables, and arrays in the file")
    func lists() throws {
        #expect(try Sample.run("sessions list", environment: ["BATON_TAG": "a,b"])[Sample.tags] == ["a", "b"])
        #expect(try Sample.run("sessions list --config f", file: #"tag = ["a", "b,c"]"#)[Sample.tags] == ["a", "b,c"])
        #expect(try Sample.run("sessions list --config f", file: #"tag = "a""#)[Sample.tags] == ["a"])
    }

    @Test("one file serves all commands")
    func otherCommands() throws {
        let invocation = try Sample.run("sessions list --config f.toml", file: file)
        #expect(invocation[Sample.store] == "file")
        #expect(invocation.effective.allSatisfy { $0.name != "drain" })
    }

    @Test(
        "mistakes name where they stand",
        arguments: [
            ("serve --config f", [:], "drian = \"1s\"", #"f, line 1: there is no key "drian"; did you mean drain?"#),
            (
                "serve --config f", [:], "\n[log]\nlevel = \"loud\"",
                #"f, line 3, log.level: "loud" is not allowed, expected one of info, warning, error"#
            ),
            ("serve --config f", [:], "drain = 3", "f, line 1, drain: expected a string in quotes"),
            ("serve --config f", [:], "limit = \"3\"", "f, line 1, limit: expected an integer"),
            ("serve --config f", [:], "max-body = true", "f, line 1, max-body: expected a string in quotes or an integer"),
            ("serve --config f", [:], "config = \"g\"", #"f, line 1: there is no key "config""#),
            ("serve --config f", [:], "json = 1", "f, line 1, json: expected a boolean"),
            ("sessions list --config f", [:], "tag = 1", "f, line 1, tag: expected a string in quotes, or an array of them"),
            ("serve", ["BATON_DRAIN": "soon"], "", #"BATON_DRAIN: "soon" is not allowed, expected a duration such as 250ms, 30s, 5m, 1h30m or 7d"#),
        ] as [(String, [String: String], String, String)])
    func mistakes(line: String, environment: [String: String], file: String, message: String) {
        #expect(Sample.message(line, environment: environment, file: file) == message)
    }

    @Test("a file that cannot be read is an error")
    func missingFile() {
        #expect(Sample.message("serve --config gone.toml") == "gone.toml: no such file")
    }
}

@Suite("Durations and sizes")
struct QuantityTests {
    @Test(
        "durations",
        arguments: [
            ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("1m250ms", 60_250), ("0", 0), ("0s", 0),
        ] as [(String, Int64)])
    func durations(text: String, milliseconds: Int64) {
        #expect(Duration(argument: text) == .milliseconds(milliseconds))
        #expect(Duration(argument: Duration.milliseconds(milliseconds).argument) == .milliseconds(milliseconds))
    }

    @Test(
        "what is no duration",
        arguments: ["", "5", "s", "-5s", "5 s", "1.5s", "30m1h", "1s1s", "5y", "5S", "99999999999999999999s", "9223372036854775807d", "٣s", "5s "])
    func notDurations(text: String) {
        #expect(Duration(argument: text) == nil)
    }

    @Test(
        "sizes",
        arguments: [("0", 0), ("4096", 4096), ("64kB", 64_000), ("8MiB", 8_388_608), ("8mib", 8_388_608), ("1GB", 1_000_000_000), ("7B", 7)])
    func sizes(text: String, bytes: Int) {
        #expect(ByteSize(argument: text)?.bytes == bytes)
        #expect(ByteSize(argument: ByteSize(bytes: bytes).argument)?.bytes == bytes)
    }

    @Test("what is no size", arguments: ["", "MiB", "-1", "1.5MiB", "1 MiB", "1XB", "8MiB4", "9223372036854775807GiB"])
    func notSizes(text: String) {
        #expect(ByteSize(argument: text) == nil)
    }

    @Test("the nearest spelling, if one is near")
    func spelling() {
        let words = ["append", "events", "tail", "tokens", "topics"]
        #expect(Spelling.nearest(to: "appnd", among: words) == "append")
        #expect(Spelling.nearest(to: "tial", among: words) == "tail")
        #expect(Spelling.nearest(to: "TAIL", among: words) == "tail")
        #expect(Spelling.nearest(to: "eve", among: words) == "events")
        #expect(Spelling.nearest(to: "zzz", among: words) == nil)
        #expect(Spelling.nearest(to: String(repeating: "a", count: 1_000_000), among: words) == nil)
    }
}
