import Testing

@testable import BatonTelemetry

@Suite("Logger")
struct LoggerTests {
    let sink = MemorySink()

    @Test("writes records of its level and above")
    func levels() {
        let logger = Logger(label: "t", level: .notice, to: sink)
        logger.trace("0")
        logger.debug("1")
        logger.info("2")
        logger.notice("3")
        logger.warning("4")
        logger.error("5")
        logger.critical("6")
        #expect(sink.messages == ["3", "4", "5", "6"])
        #expect(sink.records.map(\.level) == [.notice, .warning, .error, .critical])
    }

    @Test("does not build what it does not write")
    func laziness() {
        let logger = Logger(label: "t", level: .info, to: sink)
        var built = 0
        func count() -> Int {
            built += 1
            return built
        }
        logger.debug("message \(count())", ["n": .int(count())])
        #expect(built == 0)
        logger.info("message \(count())", ["n": .int(count())])
        #expect(built == 2)
    }

    @Test("children add metadata, and the nearest value wins")
    func children() {
        let parent = Logger(label: "t", to: sink).with(["a": "1", "b": true])
        parent.with(["b": 2, "c": [1, "x", 2.5]]).info("m", ["a": "call"])
        parent.info("n")
        #expect(sink.records.first?.metadata == ["a": "call", "b": 2, "c": [1, "x", 2.5]])
        #expect(sink.records.last?.metadata == ["a": "1", "b": true])
    }

    @Test("a level set on one logger holds for its relatives")
    func sharedLevel() {
        let parent = Logger(label: "t", level: .error, to: sink)
        let child = parent.labelled("u").with(["x": 1])
        child.info("before")
        parent.level = .info
        child.info("after")
        parent.level = nil
        child.critical("off")
        #expect(sink.messages == ["after"])
        #expect(child.level == nil)
        #expect(!Logger.disabled.writes(.critical))
    }

    @Test("request ids are distinct, and a client's is taken only if it can be echoed")
    func requestIDs() throws {
        let ids = Set((0..<100).map { _ in RequestID() })
        #expect(ids.count == 100)
        #expect(ids.allSatisfy { $0.description.utf8.count == 16 })
        #expect(RequestID("abc-1")?.description == "abc-1")
        #expect(RequestID("") == nil)
        #expect(RequestID("a b") == nil)
        #expect(RequestID("a\r\nb") == nil)
        #expect(RequestID(String(repeating: "x", count: 129)) == nil)
        Logger(label: "t", to: sink).with(request: try #require(RequestID("r1"))).info("m")
        #expect(sink.records.first?.metadata["request"] == "r1")
    }

    @Test("a rate limit admits so many of a site, then counts")
    func rateLimit() {
        let logger = Logger(label: "t", to: sink)
        for n in 0..<10 { logger.warning("burst \(n)", limit: .perMinute(3)) }
        logger.warning("other site", limit: .perMinute(3))
        #expect(sink.messages == ["burst 0", "burst 1", "burst 2", "other site"])
        sink.runScheduled()
        #expect(sink.messages.last == "similar records suppressed")
        #expect(sink.records.last?.metadata["suppressed"] == 7)
        sink.runScheduled()
        #expect(sink.records.count == 5)
    }

    @Test("the next window starts with the count of the last")
    func windows() {
        let limiter = RateLimiter()
        let limit = RateLimit.perSecond(2)
        let verdicts = [0, 10, 20, 999, 1000, 1001, 1002, 2500].map { limiter.admit("s", limit, nowMilliseconds: $0) }
        #expect(
            verdicts == [
                .admitted(suppressed: 0), .admitted(suppressed: 0), .suppressed(isFirst: true), .suppressed(isFirst: false),
                .admitted(suppressed: 2), .admitted(suppressed: 0), .suppressed(isFirst: true), .admitted(suppressed: 1),
            ])
    }

    @Test("sites made of data are bounded: those beyond share one window")
    func sites() {
        let limiter = RateLimiter()
        for n in 0..<RateLimiter.maximumSites { _ = limiter.admit("site \(n)", .perSecond(1), nowMilliseconds: 0) }
        #expect(limiter.admit("new", .perSecond(1), nowMilliseconds: 1) == .admitted(suppressed: 0))
        #expect(limiter.admit("newer", .perSecond(1), nowMilliseconds: 1) == .suppressed(isFirst: true))
        #expect(limiter.takeSuppressed("newest") == 1)
    }

    @Test("a secret shows itself to nobody who prints it")
    func secrets() {
        struct Configuration { var password = Secret("hunter2") }
        let configuration = Configuration()
        var dumped = ""
        dump(configuration, to: &dumped)
        let printed = ["\(configuration)", String(reflecting: configuration), String(describing: configuration.password), dumped]
        for text in printed { #expect(!text.contains("hunter2"), "\(text)") }
        #expect(configuration.password.revealed == "hunter2")
        #expect("\(configuration.password)" == "[redacted]")
    }
}

@Suite("Log lines")
struct LogFormatTests {
    private func line(
        _ style: LogFormat.Style, _ message: String, _ metadata: Logger.Metadata = [:], level: Logger.Level = .info, label: String = "http",
        milliseconds: Int64 = 0
    ) -> String {
        var bytes: [UInt8] = []
        LogFormat(style: style).append(
            LogRecord(milliseconds: milliseconds, level: level, label: label, message: message, metadata: metadata), to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "timestamps are RFC 3339 in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_001, "2024-02-29T23:59:59.001Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (1_798_761_599_050, "2026-12-31T23:59:59.050Z"),
        ] as [(Int64, String)])
    func timestamps(milliseconds: Int64, expected: String) {
        var bytes: [UInt8] = []
        UTCTimestamp.append(milliseconds, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test("text puts values that are not plain words in quotes")
    func text() {
        let metadata: Logger.Metadata = ["path": "/v1/x", "n": 3, "ok": false, "t": 0.5, "q": "two words", "list": ["a", 1], "none": ""]
        #expect(
            line(.text(coloured: false), "served", metadata)
                == "1970-01-01T00:00:00.000Z info     http: served path=/v1/x n=3 ok=false t=0.5 q=\"two words\" list=[\"a\",1] none=\"\"\n")
    }

    @Test("colour only where asked for")
    func colour() {
        #expect(line(.text(coloured: true), "m", level: .error).contains("\u{1B}[1;31merror\u{1B}[0m"))
        #expect(!line(.text(coloured: false), "m", level: .error).contains("\u{1B}"))
        #expect(!Terminal.allowsColour(noColour: "1", term: "xterm"))
        #expect(!Terminal.allowsColour(noColour: nil, term: "dumb"))
        #expect(!Terminal.allowsColour(noColour: nil, term: nil))
        #expect(Terminal.allowsColour(noColour: "", term: "xterm"))
    }

    @Test("JSON keeps names, types and order, and has no NaN")
    func json() {
        let metadata: Logger.Metadata = ["n": 3, "ok": true, "t": 0.5, "bad": .double(.nan), "list": ["é", 1], "level": "mine"]
        #expect(
            line(.json, "say \"hi\"\\", metadata)
                == #"{"time":"1970-01-01T00:00:00.000Z","level":"info","logger":"http","message":"say \"hi\"\\","#
                + #""n":3,"ok":true,"t":0.5,"bad":"nan","list":["é",1],"metadata.level":"mine"}"# + "\n")
    }

    @Test("nothing breaks out of its line", arguments: [LogFormat.Style.text(coloured: false), .json])
    func injection(style: LogFormat.Style) {
        let text = line(style, "a\nb\u{1B}[31m\r\t\u{0}\u{7F}", ["k\n": "v\nw\u{1B}"])
        #expect(text.hasSuffix("\n"))
        #expect(text.utf8.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F })
        #expect(text.contains(#"a\nb\u001b[31m\r\t\u0000\u007f"#))
    }

    @Test("a line is bounded and stays well-formed")
    func length() {
        let text = line(.json, String(repeating: "\u{1}", count: 100_000), ["big": .string(String(repeating: "é", count: 50_000)), "request": "r"])
        #expect(text.utf8.count <= LogFormat.maximumLine)
        #expect(text.hasSuffix(#","cut":true,"request":"r"}"# + "\n"))
    }
}
