import BatonHTTP
import BatonIO
import BatonTesting
import Glibc

/// A real browser without a window, and the site that it looks at: one page, and the daemon behind it on the same origin.
///
/// The site passes on what the daemon streams and breaks off after a number of bytes, wherever that is: in the middle of an event, too.
final class Browser: Sendable {
    /// What is installed of Chromium; nil for nothing. The program itself: Debian's scripts on the search path start it as a child, which a signal to them
    /// does not reach.
    static let program: String? = {
        let directories = ["/usr/lib/chromium", "/opt/google/chrome"]
        let candidates = directories.flatMap { directory in ["chromium-headless-shell", "chromium", "chrome"].map { "\(directory)/\($0)" } }
        return candidates.first { access($0, X_OK) == 0 }
    }()

    private struct State {
        var reports: [[UInt8]] = []
        var streams = 0
        var cuts = 0
    }

    private let state: Guarded<State>
    private let server: HTTPServer
    private let process: ChildProcess

    /// What the page has sent to `/report` so far.
    var reports: [[UInt8]] { state.withLock { $0.reports } }
    /// How many streams the site has begun to pass on.
    var streams: Int { state.withLock { $0.streams } }
    /// How many streams the site has broken off.
    var cuts: Int { state.withLock { $0.cuts } }

    /// What the handler of the site shares with the browser.
    private final class Site: Sendable {
        let page: String
        let daemon: HTTPClient
        let cutsAfter: ClosedRange<Int>?
        let state = Guarded(State())

        init(page: String, daemon: HTTPClient, cutsAfter: ClosedRange<Int>?) {
            self.page = page
            self.daemon = daemon
            self.cutsAfter = cutsAfter
        }

        func answer(_ request: Request) async throws -> Response {
            switch request.path {
            case "/page": return .text(200, page, type: "text/html; charset=utf-8")
            case "/favicon.ico": return Response(404)
            case "/report":
                state.withLock { $0.reports.append(request.body) }
                return Response(204)
            default: return try await relay(request)
            }
        }

        private func relay(_ request: Request) async throws -> Response {
            var asked = Request(request.method, request.path, query: request.rawQuery)
            for name in ["Accept", "Last-Event-ID"] { if let value = request.headers[name] { asked.headers[name] = value } }
            let reply = try await answered(asked)
            guard reply.status == 200 else { return Response(reply.status) }
            state.withLock { $0.streams += 1 }
            let budget = cutsAfter.map { Int.random(in: $0) } ?? .max
            return .events { stream in
                Task {
                    var left = budget
                    do {
                        for try await piece in reply.body {
                            try await stream.write(Chunk(Array(piece.prefix(left))))
                            left -= min(left, piece.count)
                            if left == 0 { break }
                        }
                    } catch {}
                    if left == 0 { self.state.withLock { $0.cuts += 1 } }
                    stream.finish()
                }
            }
        }

        /// A browser takes any answer but 200 for the end, so the daemon is waited for.
        private func answered(_ request: Request) async throws -> HTTPClient.StreamedReply {
            let deadline = ContinuousClock.now + .seconds(60)
            while true {
                do { return try await daemon.stream(request) } catch {
                    guard ContinuousClock.now < deadline else { throw error }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
    }

    private init(_ program: String, _ site: Site, profile: String) async throws {
        let server = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: 0)])) { try await site.answer($0) }
        self.server = server
        state = site.state
        process = try ChildProcess(
            program,
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=\(profile)",
                "--remote-debugging-port=0", "http://\(server.addresses[0])/page",
            ])
    }

    /// Shows `page` for the time of `body`.
    ///
    /// - Parameter cutsAfter: after how many bytes streams are broken off; nil for never.
    static func with(
        page: String, daemon: String, cutsAfter: ClosedRange<Int>? = nil, _ body: (Browser) async throws -> Void
    ) async throws {
        guard let program else { throw Misfortune(description: "no browser is installed") }
        try await withTemporaryDirectory { directory in
            let client = try HTTPClient(daemon)
            let browser = try await Browser(program, Site(page: page, daemon: client, cutsAfter: cutsAfter), profile: directory + "/profile")
            var failure: (any Error)?
            do { try await body(browser) } catch { failure = error }
            await browser.process.stop()
            await browser.server.drain(within: .zero)
            await client.close()
            if let failure {
                let said = String(decoding: browser.process.errors.suffix(2000), as: UTF8.self)
                throw Misfortune(description: "\(failure); the browser said: \(said)")
            }
        }
    }
}
