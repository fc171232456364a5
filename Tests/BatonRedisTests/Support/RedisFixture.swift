import BatonCore
import BatonRedis
import BatonRedisClient
import BatonTesting
import Testing

/// Makes storages on one server, each under a prefix of its own.
struct RedisFixture: StorageFixture {
    let name: String
    let address: String
    let client: RedisClient

    init(_ address: String, name: String) throws {
        self.name = name
        self.address = address
        client = try RedisClient(address)
    }

    func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage {
        var configuration = RedisStorageConfiguration(prefix: RedisFixture.prefix(), policy: policy)
        configuration.clock = clock
        let settled = configuration
        return OpenedStorage(
            LargeContent(on: try await RedisStorage.open(on: client, settled)),
            reopen: { LargeContent(on: try await RedisStorage.open(address, settled)) })
    }

    func close() async { await client.close() }

    static func prefix() -> String { "test-\(UInt64.random(in: 0...UInt64.max))" }
}

/// A storage of a test on the suite's server, with a client of its own.
func withStorage<Value>(
    _ policy: StorePolicy = StorePolicy(), prefix: String = RedisFixture.prefix(), port: UInt16? = nil, options: String = "",
    _ body: (RedisStorage, RedisServer) async throws -> Value
) async throws -> Value {
    let server = try #require(SharedServer.current)
    let storage = try await RedisStorage.open(
        "redis://127.0.0.1:\(port ?? server.port)\(options)", RedisStorageConfiguration(prefix: prefix, policy: policy))
    do {
        let value = try await body(storage, server)
        await storage.close()
        return value
    } catch {
        await storage.close()
        throw error
    }
}

extension RedisServer {
    /// The names of all keys that begin with `prefix`.
    func keys(_ prefix: String) async throws -> [String] {
        try await cli("--scan", "--pattern", "\(prefix)*").split(separator: "\n").map(String.init).sorted()
    }

    /// How often each command was called since the last `CONFIG RESETSTAT`, scripts' own calls included.
    func calls() async throws -> [String: Int] {
        var calls: [String: Int] = [:]
        for line in try await cli("INFO", "commandstats").split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_") {
            let parts = line.dropFirst("cmdstat_".count).split(separator: ":")
            guard parts.count == 2, let count = parts[1].split(separator: ",").first?.split(separator: "=").last.flatMap({ Int($0) }) else {
                continue
            }
            calls[String(parts[0])] = count
        }
        return calls
    }
}

extension EventDraft {
    static func text(_ text: String, id: String? = nil, state: [String: JSON] = [:]) throws -> EventDraft {
        try EventDraft(NewEvent(JSON(string: text), id: id, stateDelta: state))
    }
}

extension [Event] {
    var texts: [String] { map { $0.content.stringValue ?? "?" } }
}

func key(_ id: String = "s", user: String = "u", app: String = "app") throws -> SessionKey { try SessionKey(app: app, user: user, id: id) }

/// Checks that `body` throws a ``StoreError`` with this code, and returns it.
@discardableResult
func refused(_ code: StoreError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void) async -> StoreError? {
    let error = await #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try await body() }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    return error
}
