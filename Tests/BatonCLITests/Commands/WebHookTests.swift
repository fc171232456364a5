import BatonCore
import BatonHTTP
import BatonIO
import BatonTesting
import Glibc
import Testing

/// Web hooks as people set them, sent by real daemons that are killed.
@Suite("baton webhooks", .timeLimit(.minutes(4)))
struct WebHookTests {
    /// A receiver that remembers ids and data in the order of arrival.
    private final class Receiver: Sendable {
        let seen = Guarded<[(id: String, data: Int?)]>([])
        private let server: HTTPServer

        var url: String { "http://\(server.addresses[0])/hook?key=hidden" }

        init(_ delay: Duration = .zero) async throws {
            let seen = seen
            server = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: 0)])) { request in
                seen.withLock { $0.append((request.headers["webhook-id"] ?? "?", (try? JSON(request.body))?["data"]?.intValue)) }
                if delay > .zero { try await Task.sleep(for: delay) }
                return Response(204)
            }
        }

        func stop() async { await server.drain(within: .zero) }
    }

    private func publish(_ range: ClosedRange<Int>, _ store: String) async throws {
        let input = range.map { #"{"type":"placed","data":\#($0)}"# + "\n" }.joined()
        try #require(await BatonProcess.run("topics publish orders", store: store, input: input).status == 0)
    }

    @Test("are set, listed, shown, disabled, enabled and deleted; a secret is printed once, and never again")
    func inventory() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            func run(_ line: String) async throws -> BatonProcess.Result { try await BatonProcess.run(line, store: store) }
            let made = try await run("webhooks set billing --topic orders --url https://billing.example/x?k=1 --types a,b --backoff 2s").json()[0]
            let secret = try #require(made["secret"]?.stringValue)
            #expect(secret.hasPrefix("whsec_"))
            var printed = ""
            let again = try await run("webhooks set billing --topic orders --url https://billing.example/y --ordered=false --max-deliveries 9")
            #expect(again.status == 0, "\(again.errors)")
            printed += again.output + again.errors
            let shown = try await run("webhooks show billing").json()[0]
            #expect(shown["url"]?.stringValue == "https://billing.example/y")
            #expect(shown["maxDeliveries"]?.intValue == 9)
            #expect(shown["disabled"]?.isNull == true)
            #expect(try await run("webhooks disable billing --reason holidays").status == 0)
            #expect(try await run("webhooks list").json()[0]["disabled"]?["reason"]?.stringValue == "holidays")
            #expect(try await run("webhooks enable billing").status == 0)
            #expect(try await run("webhooks list").json()[0]["disabled"]?.isNull == true)
            for line in ["webhooks list", "webhooks show billing", "topics groups orders", "topics events orders"] {
                let result = try await run(line)
                printed += result.output + result.errors
            }
            let expected: [(String, Int32)] = [
                ("webhooks set other --topic orders", 64), ("webhooks set other --topic orders --url ftp://x/", 65),
                ("webhooks set billing --topic other --url https://x.example/", 65), ("webhooks show other", 66),
                ("webhooks set billing --topic orders --url https://x.example/ --ordered", 65),
                ("webhooks set other --topic orders --url https://x.example/ --secret-file \(directory)/a.db", 64),
            ]
            for (line, status) in expected { #expect(try await run(line).status == status, "\(line)") }
            let remote = try await BatonProcess.run("webhooks list", store: "http://127.0.0.1:1")
            #expect(remote.status == 64)
            let file = try await ChildProcess.run(
                "sh", ["-c", "printf 'whsec_short\\n' >\(directory)/bad; printf '\(secret)\\n\(secret)\\n' >\(directory)/good"])
            #expect(file.status == 0)
            let bad = try await run("webhooks set other --topic orders --url https://x.example/ --secret-file \(directory)/bad")
            #expect(bad.status == 65)
            #expect(!bad.errors.contains("short"))
            let good = try await run("webhooks set other --topic orders --url https://x.example/ --secret-file \(directory)/good")
            #expect(good.status == 0)
            printed += good.output + good.errors
            #expect(!printed.contains(secret.dropFirst(6)))
            #expect(try await run("webhooks delete billing absent").json().map { $0["deleted"]?.description } == ["true", "false"])
            #expect(try await run("webhooks list").json().compactMap { $0["name"]?.stringValue } == ["other"])
        }
    }

    @Test("of a daemon that is killed go on with another: every event arrives, and what comes twice has its id", arguments: ["a file", "Redis"])
    func killing(on kind: String) async throws {
        try await withTemporaryDirectory { directory in
            if kind == "Redis" {
                try await RedisServer.with { server in try await kill(daemonsOn: "redis://127.0.0.1:\(server.port)") }
            } else {
                try await kill(daemonsOn: "sqlite:\(directory)/a.db")
            }
        }
    }

    /// Two daemons share a web hook; one of them is killed again and again.
    private func kill(daemonsOn store: String) async throws {
        let receiver = try await Receiver(.milliseconds(20))
        let set = try await BatonProcess.run(
            "webhooks set h --topic orders --url \(receiver.url) --lease 1s --backoff 10ms --concurrency 4 --from start", store: store)
        let secret = try #require(set.json()[0]["secret"]?.stringValue)
        try await publish(1...400, store)
        let options = ["--webhooks-allow-private", "--log-level", "debug"]
        try await withDaemon(store: store, options) { steady in
            try await withDaemon(store: store, options) { daemon in
                for round in 1...3 {
                    try await eventually("some of it is sent") { receiver.seen.withLock { $0.count } > round * 60 }
                    await daemon.kill()
                    try await daemon.restart()
                }
                try await eventually("everything is sent") {
                    let group = try await BatonProcess.run("topics group show orders webhook:h", store: store).json()[0]
                    return group["lag"]?.intValue == 0 && group["pending"]?.intValue == 0
                }
                for process in [steady.process, daemon.process] {
                    let log = String(decoding: process.errors, as: UTF8.self)
                    #expect(!log.contains(secret.dropFirst(6)) && !log.contains("hidden"))
                }
            }
        }
        await receiver.stop()
        let seen = receiver.seen.withLock { $0 }
        #expect(Set(seen.compactMap(\.data)) == Set(1...400))
        // One id for each event, however often it came.
        #expect(Set(seen.map(\.id)).count == 400)
        #expect(Set(seen.map { "\($0.id) \($0.data ?? 0)" }).count == 400)
    }

    @Test("go to private addresses only where the daemon was told to")
    func flag() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            let receiver = try await Receiver()
            let set = try await BatonProcess.run("webhooks set h --topic orders --url \(receiver.url) --from start", store: store)
            #expect(set.errors.contains("not https"))
            try await publish(1...1, store)
            try await withDaemon(store: store) { daemon in
                try await eventually("it says why not") {
                    String(decoding: daemon.process.errors, as: UTF8.self).contains("a web hook cannot be sent")
                }
            }
            #expect(receiver.seen.withLock { $0.count } == 0)
            try await withDaemon(store: store, ["--webhooks-allow-private"]) { _ in
                try await eventually("it is sent") { receiver.seen.withLock { $0.count } == 1 }
            }
            await receiver.stop()
        }
    }
}
