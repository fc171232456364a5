import Baton
import BatonCore
import BatonTesting
import FoundationEssentials
import Testing

@Suite("A page in a browser", .enabled(if: Browser.program != nil, "Chromium is not installed"))
struct BrowserTests {
    /// Follows addresses with `EventSource`, which reconnects by itself, and reports what came when the last event is there.
    private func page(following addresses: [(name: String, url: String)], until total: Int) -> String {
        let follows = addresses.map { "follow('\($0.name)', '\($0.url)');" }.joined(separator: "\n")
        return """
            <!doctype html><script>
            function follow(name, url) {
                const seqs = [], delays = [];
                let opens = 0;
                const source = new EventSource(url);
                source.onopen = () => opens++;
                source.addEventListener('event', message => {
                    const event = JSON.parse(message.data);
                    seqs.push(event.seq);
                    delays.push(performance.timeOrigin + performance.now() - (event.content ?? event.data).at);
                    if (event.seq < \(total)) return;
                    source.close();
                    fetch('/report', {method: 'POST', body: JSON.stringify({name, seqs, delays, opens})});
                });
            }
            \(follows)
            </script>
            """
    }

    private struct Report {
        let seqs: [Int]
        let delays: [Double]
        let opens: Int

        init(_ json: JSON) {
            seqs = json["seqs"]?.elements?.compactMap(\.intValue) ?? []
            delays = json["delays"]?.elements?.compactMap { Double($0.description) } ?? []
            opens = json["opens"]?.intValue ?? 0
        }
    }

    private func reports(of browser: Browser, _ count: Int) async throws -> [String: Report] {
        try await eventually("the page has seen everything", within: .seconds(120)) { browser.reports.count >= count }
        var reports: [String: Report] = [:]
        for body in browser.reports {
            let json = try JSON(body)
            reports[json["name"]?.stringValue ?? "?"] = Report(json)
        }
        return reports
    }

    /// The moment in milliseconds, as the page counts them.
    private var now: Double { Date().timeIntervalSince1970 * 1000 }

    private func untilStored(_ body: () async throws(StoreError) -> Void) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do throws(StoreError) { return try await body() } catch {
                guard error.isRetryable, ContinuousClock.now < deadline else { throw error }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Appends to the session and publishes to the topic, whatever it takes.
    private func tell(_ number: Int, _ session: Session, _ topic: TopicHandle) async throws {
        let text = #"{"at":\#(now),"text":"\#(String(repeating: "é", count: number % 97))"}"#
        let content = try JSON(parsing: text)
        try await untilStored { () throws(StoreError) in try await session.append(NewEvent(content, id: "e\(number)")) }
        try await untilStored { () throws(StoreError) in try await topic.publish(content, type: "news", id: "e\(number)") }
    }

    private func withStore(
        _ options: [String] = [], _ body: (DaemonProcess, Session, TopicHandle) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/a.db", options) { daemon in
                let store = try await SessionStore.open(daemon.url)
                let session = try store.session("page", user: "ann", app: "demo")
                _ = try await store.create(session.key)
                try await body(daemon, session, try store.topic("news"))
                await store.close()
            }
        }
    }

    private static let session = "/v1/apps/demo/users/ann/sessions/page/events"
    private static let topic = "/v1/topics/news/events?after=0"

    @Test("misses nothing and sees nothing twice, though streams break in the middle of events and the daemon is killed")
    func cuts() async throws {
        let total = 150
        try await withStore(["--allow-origin", "*"]) { daemon, session, topic in
            // Through the site, which breaks off, and from the daemon itself, which is killed.
            let addresses = [("session", Self.session), ("topic", Self.topic), ("other origin", daemon.url + Self.session)]
            let page = page(following: addresses, until: total)
            try await Browser.with(page: page, daemon: daemon.url, cutsAfter: 200...12_000) { browser in
                for number in 1...total {
                    try await tell(number, session, topic)
                    guard number.isMultiple(of: total / 3) else { continue }
                    // The page reads on before the next blow.
                    let cuts = browser.cuts
                    try await eventually("a stream breaks off") { browser.cuts > cuts || browser.reports.count >= 2 }
                    await daemon.kill()
                    try await daemon.restart()
                }
                let reports = try await reports(of: browser, addresses.count)
                for (name, report) in reports {
                    #expect(report.seqs == Array(1...total), "\(name)")
                    #expect(report.opens > 1, "\(name) was never broken off")
                }
                #expect(reports.count == addresses.count && browser.cuts > 0)
            }
        }
    }

    @Test("hears at once what is new")
    func delay() async throws {
        let total = 40
        try await withStore { daemon, session, topic in
            let page = page(following: [("session", Self.session), ("topic", Self.topic)], until: total)
            try await Browser.with(page: page, daemon: daemon.url) { browser in
                // The first brings the page up to date, and says that it listens.
                try await tell(1, session, topic)
                try await eventually("the page listens") { browser.streams >= 2 }
                for number in 2...total {
                    try await tell(number, session, topic)
                    try await Task.sleep(for: .milliseconds(20))
                }
                for (name, report) in try await reports(of: browser, 2).sorted(by: { $0.key < $1.key }) {
                    #expect(report.seqs == Array(1...total) && report.opens == 1, "\(name)")
                    let delays = report.delays.dropFirst().sorted()
                    print(
                        "\(name): from appending to the page, milliseconds: p50 \(delays[delays.count / 2]), p95 \(delays[delays.count * 95 / 100])")
                }
            }
        }
    }
}
