import Glibc
import Testing

@testable import BatonCLI

@Suite("Output")
struct OutputTests {
    @Test(
        "display width",
        arguments: [
            ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("한국", 4), ("😀", 2), ("👩‍👩‍👧", 2), ("🇩🇪", 2), ("❤️", 2), ("ﬁ", 1), ("\u{200B}", 0),
            ("ＡＢ", 4), ("Ελ", 2), ("👍🏽", 2),
        ])
    func width(text: String, expected: Int) {
        #expect(DisplayWidth.of(text) == expected)
    }

    @Test("columns line up, numbers to the right")
    func table() {
        var table = Table([Table.Column(title: "ID"), Table.Column(title: "EVENTS", alignment: .right), Table.Column(title: "TITLE")])
        table.add(["s-1", "7", "Hello"])
        table.add(["日本", "1200", "東京 😀"])
        table.add(["long-name"])
        #expect(
            table.rendered() == """
                ID         EVENTS  TITLE
                s-1             7  Hello
                日本         1200  東京 😀
                long-name          \("")

                """)
    }

    @Test("the last column is cut to the terminal, and cells cannot reach outside")
    func cells() {
        var table = Table([Table.Column(title: "A"), Table.Column(title: "B")])
        table.add(["x\u{1B}[2J\n", "一二三四五六七八九十"])
        let text = table.rendered(width: 24)
        #expect(text.contains(#"x\u{1b}[2J\n  一二三四…"#))
        #expect(text.split(separator: "\n").allSatisfy { DisplayWidth.of($0) <= 24 })
        #expect(Table.cut("abc", to: 3) == "abc")
        #expect(Table.cut("abcd", to: 3) == "ab…")
    }

    @Test("JSON values are lines: their line breaks become spaces, their bytes stay")
    func ndjson() throws {
        let pipe = try OutputPipe()
        let console = Console(json: false, output: pipe.writing, error: pipe.writing)
        #expect(console.format == .ndjson)
        #expect(console.width == nil)
        #expect(!console.outputStyle.isColoured)
        try console.write(json: Array("{\n  \"a\": \"x\\ny\",\r\n \"é\": 1.0e2}".utf8))
        try console.write(json: Array("2".utf8))
        #expect(pipe.readAvailable() == "{   \"a\": \"x\\ny\",   \"é\": 1.0e2}\n2\n")
    }

    @Test("a reader that left is told apart from a mistake")
    func brokenPipe() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = try OutputPipe()
        let console = Console(json: true, output: pipe.writing, error: pipe.writing)
        pipe.closeReading()
        #expect(throws: Console.BrokenPipe.self) { try console.write("x") }
        console.complain("nobody hears this")
    }

    @Test("progress is silent where there is no terminal, and rare where there is one")
    func progress() throws {
        let pipe = try OutputPipe()
        let console = Console(json: false, output: pipe.writing, error: pipe.writing)
        let start = ContinuousClock.now
        var silent = Progress("reading", of: 10, on: console)
        silent.advance(by: 5, now: start + .seconds(5))
        silent.finish()
        #expect(pipe.readAvailable().isEmpty)

        var shown = Progress("reading", of: 400, on: console, isShown: true, start: start)
        shown.advance(by: 100, now: start + .milliseconds(100))
        #expect(pipe.readAvailable().isEmpty)
        shown.advance(by: 100, now: start + .seconds(2))
        shown.advance(by: 50, now: start + .milliseconds(2050))
        #expect(pipe.readAvailable() == "\r\u{1B}[Kreading: 200 of 400 (50%), 100 a second")
        shown.finish()
        #expect(pipe.readAvailable() == "\r\u{1B}[K")
    }

    @Test("exit codes are those of sysexits")
    func exitCodes() {
        let codes: [ExitCode] = [.success, .usage, .badData, .notFound, .unavailable, .tryAgain, .notPermitted]
        #expect(codes.map(\.rawValue) == [0, 64, 65, 66, 69, 75, 77])
    }

    @Test("the environment is read whole")
    func environment() {
        #expect(ProcessEnvironment.variables["PATH"]?.isEmpty == false)
    }
}

/// A pipe whose reading end never blocks.
private final class OutputPipe {
    private var reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        reading = ends[0]
        writing = ends[1]
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    }

    deinit {
        closeReading()
        close(writing)
    }

    func closeReading() {
        if reading >= 0 { close(reading) }
        reading = -1
    }

    func readAvailable() -> String {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = read(reading, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
