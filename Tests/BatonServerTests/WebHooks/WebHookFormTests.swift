import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@testable import BatonServer

@Suite("What a web hook is made of")
struct WebHookFormTests {
    private static let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    @Test("a signature is the one of the specification's example")
    func example() throws {
        let signature = try WebHookSecret(Self.text).signature(
            of: Array(#"{"test": 2432232314}"#.utf8), id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("a secret is read in the form that it is written in, and shown by nothing else")
    func secrets() throws {
        let secret = try WebHookSecret(Self.text)
        #expect(secret.revealed == Self.text)
        #expect(!"\(secret) \(String(reflecting: secret))".contains("MfKQ9r8"))
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("49") && !dumped.contains("MfKQ9r8"))
        #expect(WebHookSecret.make() != WebHookSecret.make())
        let made = WebHookSecret.make()
        #expect(try WebHookSecret(made.revealed) == made)
    }

    @Test(
        "what is no secret is refused, and not repeated",
        arguments: [
            "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8G",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa*w", "whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + String(repeating: "A", count: 88),
        ])
    func badSecrets(_ text: String) {
        #expect { try WebHookSecret(text) } throws: { error in
            (error as? StoreError)?.code == .invalidField && (text.count < 10 || !"\(error)".contains(text.dropFirst(8)))
        }
    }

    @Test("a URL keeps its path and query as they are")
    func urls() throws {
        let url = try WebHookURL("https://hooks.example:8443/a%2Fb/?x=1&y=%20?")
        #expect(url.isEncrypted)
        #expect(url.origin.authority == "hooks.example:8443")
        #expect(url.path == "/a%2Fb/")
        #expect(url.query == "x=1&y=%20?")
        #expect(try WebHookURL("http://hooks.example").path == "/")
        #expect(try WebHookURL("http://hooks.example?q").query == "q")
        #expect(try !WebHookURL("HTTP://hooks.example").isEncrypted)
    }

    @Test(
        "what is no URL for requests is refused",
        arguments: [
            "", "hooks.example", "ftp://hooks.example/", "unix:/run/x", "http+unix://%2Frun%2Fx/", "https://", "https:///path", "https://a b/",
            "https://user:password@hooks.example/", "https://hooks.example/#fragment", "https://hooks.example/ü", "https://hooks.example/a b",
            "https://hooks.example:99999/", "https://hooks.example/" + String(repeating: "x", count: 2048),
        ])
    func badURLs(_ text: String) {
        #expect { try WebHookURL(text) } throws: { ($0 as? StoreError)?.code == .invalidField && !"\($0)".contains("user:") }
    }

    @Test("a web hook is read back as it was kept; a mark on an earlier form of it does not count")
    func records() async throws {
        try await WebHookBench.with { bench in
            var filter = TopicFilter()
            filter.types = ["a", "b"]
            filter.keys = ["k,1"]
            filter.app = "shop"
            let settings = GroupSettings(maximumDeliveries: 7, leaseMilliseconds: 5000, isOrdered: true)
            let first = try await bench.set("ä/1", filter: filter, url: "https://a.example/x?y=1", settings: settings, concurrency: 9)
            #expect(try await bench.store.webHooks() == [first])
            try await bench.store.disable(first, reason: "because")
            #expect(try await bench.store.webHooks().first?.disabled?.reason == "because")
            let second = try await bench.set("ä/1", settings: settings)
            #expect(try await bench.store.webHooks() == [second])
            // A daemon that has still the first form is told 410 now.
            try await bench.store.disable(first, reason: "late")
            #expect(try await bench.store.webHooks() == [second])
            try await bench.store.disable(second, reason: "because")
            try await bench.store.enable(second)
            #expect(try await bench.store.webHooks() == [second])
            await #expect { try await bench.set("ä/1") } throws: { ($0 as? StoreError)?.code == .conflict }
            try await bench.store.delete(second)
            #expect(try await bench.store.webHooks().isEmpty)
            #expect(try await bench.store.groups(of: "orders").isEmpty)
        }
    }
}

/// The public package for receivers in Python, where it is installed.
private enum ReferenceReceiver {
    static let interpreters = [".build/python/bin/python3", "python3"]

    static func interpreter() async -> String? {
        for interpreter in interpreters where (try? await ChildProcess.run(interpreter, ["-c", "import standardwebhooks"]))?.status == 0 {
            return interpreter
        }
        return nil
    }

    /// Reads the secret, the three fields and the body, a line each; prints the data of what it accepts.
    static let script = """
        import sys
        from standardwebhooks.webhooks import Webhook
        secret, id, timestamp, signature, body = sys.stdin.read().split('\\n', 4)
        headers = {'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature}
        print(Webhook(secret).verify(body, headers)['data'])
        """
}

@Suite("Web hooks, received by the public package for Python")
struct StandardWebhooksTests {
    @Test(
        "a request is accepted with any of its secrets, and refused when anything was changed",
        .enabled("needs python3 with standardwebhooks, which is not installed") { await ReferenceReceiver.interpreter() != nil })
    func verify() async throws {
        let python = try #require(await ReferenceReceiver.interpreter())
        let secrets = [WebHookSecret.make(), WebHookSecret.make()]
        let hook = try WebHook("h", topic: "orders", url: WebHookURL("https://a.example/"), secrets: secrets)
        let event = TopicEvent(
            id: "e", seq: 1, offset: .start, time: SystemClock.now(), type: "placed", key: "ü", data: JSON(string: "Grüße\n"))
        let delivery = Delivery(id: "1_1", token: "1", attempt: 1, leaseEndsAt: SystemClock.now(), event: event)
        let request = WebHookRequest(delivery, for: hook).attempt(at: SystemClock.now())
        func accepts(_ secret: WebHookSecret, id: String? = nil, body: [UInt8]? = nil) async throws -> Bool {
            let fields = ["webhook-id", "webhook-timestamp", "webhook-signature"].map { request.headers[$0] ?? "" }
            let lines = [secret.revealed, id ?? fields[0], fields[1], fields[2]].map { Array(($0 + "\n").utf8) }
            let result = try await ChildProcess.run(
                python, ["-c", ReferenceReceiver.script], input: lines.flatMap { $0 } + (body ?? request.body),
                environment: ["PYTHONIOENCODING": "utf-8"])
            return result.status == 0 && result.output.hasPrefix("Grüße")
        }
        #expect(try await accepts(secrets[0]))
        #expect(try await accepts(secrets[1]))
        #expect(try await !accepts(.make()))
        #expect(try await !accepts(secrets[0], id: "msg_other"))
        #expect(try await !accepts(secrets[0], body: request.body + [0x20]))
    }
}
