import BatonCore
import BatonIO
import BatonTesting
import Testing

@testable import BatonHTTP
@testable import BatonServer

/// Web hooks from end to end: a daemon, a store in a file, and a receiver that behaves as receivers do.
@Suite("A web hook", .timeLimit(.minutes(3)))
struct WebHookTests {
    @Test("gets every event once, in a request that says which and is signed")
    func delivering() async throws {
        try await WebHookBench.with { bench in
            let hook = try await bench.set()
            try await bench.publish(20, key: "k")
            try await bench.withDaemon { _ in
                try await eventually("everything is sent") { try await bench.isIdle(hook) }
                try await bench.publish(1, type: "later")
                try await eventually("what comes later is sent") { bench.receiver.requests.count == 21 }
            }
            let requests = bench.receiver.requests
            #expect(Set(bench.receiver.ids).count == 21)
            #expect(Set(bench.receiver.data) == Set((1...20).map { "\"k\($0)\"" } + ["\"1\""]))
            let stored = try await bench.store.events(in: "orders").events
            for request in requests {
                #expect(request.method == .post && request.path == "/hook" && request.rawQuery == "key=1")
                #expect(request.headers["Content-Type"] == "application/json")
                let event = try #require(stored.first { $0.id == request.json["id"]?.stringValue })
                var writer = JSONWriter()
                writer.topicEvent(event, of: "orders")
                #expect(request.body == writer.bytes)
                let (id, second) = (request.headers["webhook-id"] ?? "", Int(request.headers["webhook-timestamp"] ?? "") ?? 0)
                #expect(id.hasPrefix("msg_") && !id.contains("."))
                #expect(abs(second - SystemClock.now().milliseconds / 1000) < 300)
                #expect(request.headers["webhook-signature"] == bench.secret.signature(of: request.body, id: id, timestamp: second))
            }
        }
    }

    @Test("that fails is tried again with the same id and body, until it is accepted")
    func retrying() async throws {
        let answer: Receiver.Answer = { request, count in
            switch count {
            case 1: return Response(500)
            case 2: throw HTTPError(.closed, "no answer")
            default: return Response(200, body: Array("thanks".utf8))
            }
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try await bench.set()
            try await bench.publish(5)
            try await bench.withDaemon { _ in try await eventually("everything is sent") { try await bench.isIdle(hook) } }
            #expect(bench.receiver.requests.count == 15)
            for id in Set(bench.receiver.ids) {
                let attempts = bench.receiver.requests.filter { $0.headers["webhook-id"] == id }
                #expect(attempts.count == 3)
                #expect(Set(attempts.map(\.body)).count == 1)
            }
            #expect(Set(bench.receiver.ids).count == 5)
            #expect(try await bench.group(hook).dead == 0)
        }
    }

    @Test("that fails every time is a dead letter that says why, with no more than a piece of the answer; redriven it comes again with its id")
    func dying() async throws {
        let isWell = Guarded(false)
        let answer: Receiver.Answer = { _, _ in
            isWell.withLock { $0 }
                ? Response(204) : .text(503, "no\u{1B}[31m \nluck " + String(repeating: "x", count: 100_000))
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try await bench.set(settings: GroupSettings(maximumDeliveries: 3, backoffMilliseconds: 5))
            try await bench.publish(1)
            try await bench.withDaemon { _ in
                try await eventually("it is given up") { try await bench.group(hook).dead == 1 }
                #expect(bench.receiver.ids.count == 3)
                let reason = try #require(try await bench.deadReasons(hook).first)
                // 100 kB are more than is read of an answer: the status is what is left.
                #expect(reason == "the receiver answered 503")
                isWell.withLock { $0 = true }
                try await bench.store.redrive(.oldest(1), in: hook.group, of: hook.topic)
                try await eventually("it is sent") { try await bench.isIdle(hook) }
            }
            #expect(bench.receiver.ids.count == 4)
            #expect(Set(bench.receiver.ids).count == 1)
        }
    }

    @Test("a dead letter's reason is the status and 200 bytes at most of what was said, on one line")
    func reasons() async throws {
        try await WebHookBench.with(receiver: { _, _ in .text(422, "no\u{1B}[31m \nluck " + String(repeating: "ä", count: 500)) }) { bench in
            let hook = try await bench.set(settings: GroupSettings(maximumDeliveries: 1))
            try await bench.publish(1)
            try await bench.withDaemon { _ in try await eventually("it is given up") { try await bench.group(hook).dead == 1 } }
            let reason = try #require(try await bench.deadReasons(hook).first)
            #expect(reason.hasPrefix("the receiver answered 422: no[31m luck ää"))
            #expect(reason.utf8.count <= 240)
        }
    }

    @Test("that is told to wait waits so long", arguments: ["120", "date"])
    func retryAfter(_ form: String) async throws {
        let answer: Receiver.Answer = { _, _ in
            let date = String(decoding: HTTPDate.format(SystemClock.now().milliseconds / 1000 + 120), as: UTF8.self)
            return Response(429, headers: ["Retry-After": form == "date" ? date : form])
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try await bench.set()
            try await bench.publish(1)
            try await bench.withDaemon { _ in
                try await eventually("it waits") {
                    try await bench.store.pending(in: hook.group, of: hook.topic).elements.first?.history.isEmpty == false
                }
                let pending = try #require(try await bench.store.pending(in: hook.group, of: hook.topic).elements.first)
                let failure = try #require(pending.history.first)
                #expect(failure.reason == "the receiver answered 429")
                // A date has whole seconds, and the receiver's clock was read before.
                #expect((110_000...125_000).contains(pending.dueAt.milliseconds - failure.time.milliseconds))
            }
            #expect(bench.receiver.requests.count == 1)
        }
    }

    @Test("whose receiver is gone is disabled; what is left waits, and is sent when it is enabled")
    func gone() async throws {
        let isGone = Guarded(true)
        try await WebHookBench.with(receiver: { _, _ in isGone.withLock { $0 } ? Response(410) : Response(204) }) { bench in
            let hook = try await bench.set(concurrency: 1)
            try await bench.publish(10)
            try await bench.withDaemon { _ in
                try await eventually("it is disabled") {
                    try await bench.store.webHooks().first?.disabled?.reason == "the receiver answered 410 Gone"
                }
                try await eventually("nothing is held") {
                    try await bench.store.pending(in: hook.group, of: hook.topic).elements.allSatisfy { $0.consumer == nil }
                }
                let count = bench.receiver.requests.count
                #expect(count == 1)
                #expect(try await bench.group(hook).dead == 0)
                isGone.withLock { $0 = false }
                try await bench.store.enable(hook)
                try await eventually("everything is sent") { try await bench.isIdle(hook) }
            }
            #expect(Set(bench.receiver.ids).count == 10)
            #expect(try await bench.store.webHooks().first?.disabled == nil)
        }
    }

    @Test("does not go where it is redirected to")
    func redirects() async throws {
        try await WebHookBench.with { elsewhere in
            let port = elsewhere.receiver.port
            try await WebHookBench.with(receiver: { _, _ in Response(307, headers: ["Location": "http://127.0.0.1:\(port)/"]) }) { bench in
                let hook = try await bench.set(settings: GroupSettings(maximumDeliveries: 2, backoffMilliseconds: 0))
                try await bench.publish(1)
                try await bench.withDaemon { _ in try await eventually("it is given up") { try await bench.group(hook).dead == 1 } }
                #expect(try await bench.deadReasons(hook) == ["the receiver answered 307; redirects are not followed"])
                #expect(bench.receiver.requests.count == 2)
            }
            #expect(elsewhere.receiver.requests.isEmpty)
        }
    }

    @Test("whose receiver stalls is not waited for longer than it was set to, and others go on")
    func stalling() async throws {
        let answer: Receiver.Answer = { request, count in
            if request.json["data"]?.stringValue == "1", count == 1 { try await Task.sleep(for: .seconds(60)) }
            return Response(204)
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try await bench.set(concurrency: 2)
            try await bench.publish(10)
            try await bench.withDaemon { daemon in
                try await eventually("everything is sent") { try await bench.isIdle(hook) }
                #expect(bench.receiver.requests.count == 11)
                let metrics = try await daemon.send(.get, "/metrics").text
                #expect(metrics.contains(#"baton_webhook_accepted_total{webhook="hook"} 10"#))
                #expect(metrics.contains(#"baton_webhook_failed_total{webhook="hook",kind="timed_out"} 1"#))
                #expect(metrics.contains(#"baton_webhook_in_flight{webhook="hook"} 0"#))
                #expect(metrics.contains(#"baton_webhook_duration_seconds_count{webhook="hook"} 11"#))
            }
        }
    }

    @Test(
        "is not sent to this machine, by address or by name, and not unencrypted, unless that is allowed",
        arguments: ["127.0.0.1", "localhost", "[::1]"])
    func privateAddresses(_ host: String) async throws {
        try await WebHookBench.with { bench in
            let settings = GroupSettings(maximumDeliveries: 1)
            let plain = try await bench.set("plain", url: "http://\(host):\(bench.receiver.port)/", settings: settings)
            let hook = try await bench.set("tls", url: "https://\(host):\(bench.receiver.port)/", settings: settings)
            try await bench.publish(1)
            try await bench.withDaemon(policy: WebHookPolicy()) { daemon in
                try await eventually("it is given up") { try await bench.group(hook).dead == 1 }
                #expect(try await bench.deadReasons(hook).first?.contains("no public address") == true)
                let metrics = try await daemon.send(.get, "/metrics").text
                #expect(metrics.contains(#"baton_webhook_failed_total{webhook="tls",kind="forbidden_address"} 1"#))
                #expect(metrics.contains(#"baton_webhook_dead_total{webhook="tls"} 1"#))
                // Nothing was even tried: another daemon may be allowed to.
                #expect(metrics.contains(#"baton_webhook_stopped{webhook="plain"} 1"#))
                #expect(try await bench.group(plain).lag == 1)
            }
            #expect(bench.receiver.requests.isEmpty)
        }
    }

    @Test("is sent only to a receiver whose certificate is vouched for")
    func encryption() async throws {
        let certificates = try await TestCertificates()
        let identity = TLSIdentity(certificateChain: certificates.server.certificate, privateKey: certificates.server.key)
        let receiver = try await Receiver(tls: TLSServerContext(identity: identity))
        try await WebHookBench.with { bench in
            let hook = try await bench.set(url: "https://localhost:\(receiver.port)/", settings: GroupSettings(maximumDeliveries: 1))
            try await bench.publish(1)
            try await bench.withDaemon { _ in
                try await eventually("it is given up") { try await bench.group(hook).dead == 1 }
            }
            #expect(receiver.requests.isEmpty)
            try await bench.store.redrive(.oldest(1), in: hook.group, of: hook.topic)
            var policy = WebHookBench.privateAllowed
            policy.authorities = certificates.authority
            try await bench.withDaemon(policy: policy) { _ in try await eventually("it is sent") { try await bench.isIdle(hook) } }
            #expect(receiver.requests.count == 1)
        }
        await receiver.stop()
        await certificates.remove()
    }

    @Test("gets only what it asked for, of topics and of sessions")
    func filtering() async throws {
        try await WebHookBench.with { bench in
            var types = TopicFilter()
            types.types = ["paid"]
            let orders = try await bench.set("orders", filter: types)
            var shop = TopicFilter()
            shop.app = "shop"
            shop.types = ["session.event"]
            let sessions = try await bench.set("sessions", topic: Topic.sessions, filter: shop)
            try await bench.publish(3)
            try await bench.publish(1, key: "p", type: "paid")
            for app in ["shop", "other"] {
                let key = try SessionKey(app: app, user: "u", id: "s")
                _ = try await bench.store.append(EventBatch([EventDraft(NewEvent(JSON(string: app)))], createsSession: true), to: key)
            }
            try await bench.withDaemon { _ in
                try await eventually("everything is done") {
                    let ordersAreDone = try await bench.isIdle(orders)
                    return try await bench.isIdle(sessions) && ordersAreDone
                }
            }
            #expect(bench.receiver.requests.compactMap { $0.json["type"]?.stringValue }.sorted() == ["paid", "session.event"])
            #expect(bench.receiver.requests.compactMap { $0.json["data"]?["event"]?["content"]?.stringValue } == ["shop"])
        }
    }

    @Test("that is ordered gets a key's events one after the other, also when they fail")
    func ordering() async throws {
        let running = Guarded<[String: Int]>([:])
        let overlaps = Guarded(0)
        let answer: Receiver.Answer = { request, attempt in
            let key = request.json["key"]?.stringValue ?? "?"
            let count = running.withLock { running in
                running[key, default: 0] += 1
                return running[key]
            }
            if count != 1 { overlaps.withLock { $0 += 1 } }
            try? await Task.sleep(for: .milliseconds(3))
            running.withLock { $0[key, default: 0] -= 1 }
            return Response(attempt == 1 && (request.json["seq"]?.intValue ?? 0) % 3 == 0 ? 500 : 204)
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try await bench.set(settings: GroupSettings(backoffMilliseconds: 10, isOrdered: true), concurrency: 8)
            for round in 0..<8 {
                for key in ["a", "b", "c"] { try await bench.store.topic("orders").publish(JSON(string: "\(round)"), type: "t", key: key) }
            }
            try await bench.withDaemon { _ in try await eventually("everything is sent") { try await bench.isIdle(hook) } }
            #expect(overlaps.withLock { $0 } == 0)
            for key in ["a", "b", "c"] {
                let seqs = bench.receiver.requests.filter { $0.json["key"]?.stringValue == key }.compactMap { $0.json["seq"]?.intValue }
                #expect(seqs == seqs.sorted())
                #expect(Set(seqs).count == 8)
            }
        }
    }

    @Test("sends no more at once than it may")
    func concurrency() async throws {
        let running = Guarded((now: 0, most: 0))
        let answer: Receiver.Answer = { _, _ in
            running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            try? await Task.sleep(for: .milliseconds(10))
            running.withLock { $0.now -= 1 }
            return Response(204)
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try await bench.set(concurrency: 3)
            try await bench.publish(40)
            try await bench.withDaemon { _ in try await eventually("everything is sent") { try await bench.isIdle(hook) } }
            #expect(running.withLock { $0.most } == 3)
        }
    }

    @Test("that is changed, deleted, or loses its group is so within seconds, without a restart")
    func changes() async throws {
        try await WebHookBench.with { bench in
            try await bench.withDaemon { _ in
                let first = try await bench.set()
                try await bench.publish(1, key: "a")
                try await eventually("a new one is sent") { bench.receiver.data == ["\"a1\""] }
                try await bench.set(url: "http://127.0.0.1:\(bench.receiver.port)/moved")
                try await eventually("it goes to the new address") {
                    try await bench.publish(1, key: "b")
                    return bench.receiver.requests.last?.path == "/moved"
                }
                try await bench.store.delete(group: first.group, of: first.topic)
                try await eventually("its group is made again") { (try? await bench.group(first)) != nil }
                try await bench.publish(1, key: "c")
                try await eventually("what comes then is sent") { bench.receiver.data.last == "\"c1\"" }
                try await bench.store.delete(try #require(try await bench.store.webHooks().first))
                try await eventually("nobody waits any more") { try await !bench.store.groups(of: "orders").contains { $0.name == first.group } }
                let count = bench.receiver.requests.count
                try await bench.publish(3)
                // A daemon that went on would make the group again to consume it.
                try await Task.sleep(for: Access.refreshInterval * 2)
                #expect(bench.receiver.requests.count == count)
                #expect(try await bench.store.groups(of: "orders").isEmpty)
            }
        }
    }

    @Test("of a daemon that stops gets what is under way, and the rest from the next daemon: each event once")
    func draining() async throws {
        let gate = Guarded(false)
        let answer: Receiver.Answer = { _, _ in
            try await eventually("the gate opens") { gate.withLock { $0 } }
            return Response(204)
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try WebHook(
                "hook", topic: "orders", url: WebHookURL("http://127.0.0.1:\(bench.receiver.port)/"), secrets: [bench.secret],
                settings: GroupSettings(), concurrency: 3, timeoutMilliseconds: 60_000)
            try await bench.store.set(hook, from: .start)
            try await bench.publish(9)
            let daemon = try await LiveDaemon(store: bench.address, webHooks: WebHookBench.privateAllowed, drain: .seconds(60))
            try await eventually("three are under way") { bench.receiver.requests.count == 3 }
            let stopping = Task { await daemon.stop() }
            try await eventually("it does not answer any more") { (try? await daemon.send(.get, "/healthz").status) != 200 }
            gate.withLock { $0 = true }
            await stopping.value
            #expect(bench.receiver.requests.count == 3)
            let group = try await bench.group(hook)
            #expect(group.pending == 0)
            #expect(group.lag == 6)
            try await bench.withDaemon { _ in try await eventually("the rest is sent") { try await bench.isIdle(hook) } }
            #expect(bench.receiver.ids.count == 9)
            #expect(Set(bench.receiver.ids).count == 9)
        }
    }

    @Test("of two daemons on a store gets each event once")
    func sharing() async throws {
        let answer: Receiver.Answer = { _, _ in
            try? await Task.sleep(for: .milliseconds(2))
            return Response(204)
        }
        try await WebHookBench.with(receiver: answer) { bench in
            let hook = try await bench.set(concurrency: 2)
            try await bench.withDaemon { first in
                try await bench.withDaemon { second in
                    for _ in 1...10 { try await bench.publish(10) }
                    try await eventually("everything is sent") { try await bench.isIdle(hook) }
                    for daemon in [first, second] {
                        let line = try await daemon.send(.get, "/metrics").text.split(separator: "\n")
                            .first { $0.hasPrefix("baton_webhook_accepted_total") }
                        #expect(line?.hasSuffix(" 0") == false, "both have done some of it")
                    }
                }
            }
            #expect(bench.receiver.ids.count == 100)
            #expect(Set(bench.receiver.ids).count == 100)
        }
    }
}
