import Baton
import BatonCore
import BatonHTTP
import BatonIO
import BatonTesting

@testable import BatonServer

/// A receiver of web hooks: a real server on a free port that answers what a test says, and remembers what it was sent.
final class Receiver: Sendable {
    /// What a test answers: the request, and how often its id has come, 1 the first time.
    typealias Answer = @Sendable (Request, Int) async throws -> Response

    private let server: HTTPServer
    private let seen: Guarded<[Request]>

    var port: UInt16 { server.addresses[0].port ?? 0 }
    /// Every request, in the order of arrival.
    var requests: [Request] { seen.withLock { $0 } }
    var ids: [String] { requests.compactMap { $0.headers["webhook-id"] } }
    /// The data of the events, in the order of arrival.
    var data: [String] { requests.map { $0.json["data"]?.description ?? "?" } }

    init(tls: TLSServerContext? = nil, _ answer: @escaping Answer = { _, _ in Response(204) }) async throws {
        var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
        configuration.tls = tls
        let seen = Guarded<[Request]>([])
        self.seen = seen
        server = try await HTTPServer(configuration) { request in
            let count = seen.withLock { seen in
                seen.append(request)
                return seen.count { $0.headers["webhook-id"] == request.headers["webhook-id"] }
            }
            return try await answer(request, count)
        }
    }

    func stop() async { await server.drain(within: .zero) }
}

extension Request {
    var json: JSON { (try? JSON(body)) ?? .null }
}

/// A store in a file, a daemon on it, and a receiver.
struct WebHookBench {
    let address: StoreAddress
    /// As another process would have it.
    let store: SessionStore
    let receiver: Receiver
    let secret = WebHookSecret.make()

    static let privateAllowed: WebHookPolicy = {
        var policy = WebHookPolicy()
        policy.allowsPrivate = true
        return policy
    }()

    static func with(
        receiver answer: @escaping Receiver.Answer = { _, _ in Response(204) }, _ body: (WebHookBench) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { directory in
            let address = StoreAddress.sqlite(path: directory.file("a.db"))
            let store = try await SessionStore.open(address)
            let receiver = try await Receiver(answer)
            let result: Result<Void, any Error>
            do { result = .success(try await body(WebHookBench(address: address, store: store, receiver: receiver))) } catch {
                result = .failure(error)
            }
            await receiver.stop()
            await store.close()
            try result.get()
        }
    }

    /// Sets a web hook that leads to the receiver, quick to try again.
    @discardableResult
    func set(
        _ name: String = "hook", topic: String = "orders", filter: TopicFilter = TopicFilter(), url: String? = nil,
        settings: GroupSettings = GroupSettings(backoffMilliseconds: 10, maximumBackoffMilliseconds: 20), concurrency: Int = 4
    ) async throws -> WebHook {
        let hook = try WebHook(
            name, topic: topic, filter: filter, url: WebHookURL(url ?? "http://127.0.0.1:\(receiver.port)/hook?key=1"), secrets: [secret],
            settings: settings, concurrency: concurrency, timeoutMilliseconds: 1000)
        try await store.set(hook, from: .start)
        return hook
    }

    func publish(_ count: Int, key: String? = nil, type: String = "placed", to topic: String = "orders") async throws {
        try await store.topic(topic).publish((1...count).map { TopicEventDraft(type: type, key: key, data: JSON(string: "\(key ?? "")\($0)")) })
    }

    func group(_ hook: WebHook) async throws -> ConsumerGroup { try await store.inspect(group: hook.group, of: hook.topic) }

    /// Whether nothing is left to send.
    func isIdle(_ hook: WebHook) async throws -> Bool { try await group(hook).oldestUnfinished == nil }

    func deadReasons(_ hook: WebHook) async throws -> [String] {
        try await store.deadLetters(in: hook.group, of: hook.topic).elements.map(\.reason)
    }

    func withDaemon(
        policy: WebHookPolicy = WebHookBench.privateAllowed, drain: Duration = .seconds(2), _ body: (LiveDaemon) async throws -> Void
    ) async throws {
        let daemon = try await LiveDaemon(store: address, webHooks: policy, drain: drain)
        do { try await body(daemon) } catch {
            await daemon.stop()
            throw error
        }
        await daemon.stop()
    }
}
