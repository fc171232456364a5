import BatonIO
import BatonRedisClient
import BatonTelemetry

let addOnce = RedisScript("return redis.call('EXISTS', KEYS[1]) == 1 and 0 or redis.call('RPUSH', KEYS[1], ARGV[1])")

/// The code of docs/REDIS_CLIENT.md, compiled as somebody who uses the library would, and run by ``DocumentTests``.
enum DocumentExamples {
    static func make() throws -> RedisClient {
        let client = try RedisClient("redis://:secret@cache.example.org/0?name=worker")
        return client
    }

    static func begin(_ client: RedisClient) async throws -> ([UInt8]?, RedisReply) {
        _ = try await client.send(SET("greeting", "hello", expires: .after(.seconds(60))))
        let value = try await client.send(GET("greeting"))  // [UInt8]?
        let raw = try await client.send("OBJECT", "ENCODING", "greeting", keys: ["greeting"])
        return (value, raw)
    }

    static func end(_ client: RedisClient) async {
        await client.close()
    }

    static func configure(_ token: @escaping @Sendable () async throws -> String) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration("rediss://cache.example.org")
        configuration.credentials = .provider { RedisLogin(user: "app", password: try await token(), validFor: .seconds(3_600)) }
        return configuration
    }

    struct IdleTime: RedisCommand {
        typealias Response = Int
        let key: RedisKey
        var name: StaticString { "OBJECT" }
        var keys: [RedisKey] { [key] }
        var isReadOnly: Bool { true }
        func encode(into encoder: inout RESPEncoder) {
            encoder.append(name)
            encoder.append("IDLETIME")
            encoder.append(key)
        }
    }

    static func together(_ client: RedisClient) async throws -> (Int, [UInt8]?, Int) {
        let (visits, name) = try await client.pipeline(INCRBY("visits"), GET("name"))
        let (stock, orders) = try await client.transaction(INCRBY("stock", -1), RPUSH("orders", ["book"]))
        return (try visits.get() + stock.get(), try name.get(), try orders.get())
    }

    static func script(_ client: RedisClient) async throws -> Int64? {
        let length = try await client.send(EVALSHA(addOnce, keys: ["list"], arguments: ["first"])).integer
        return length
    }

    static func wait(_ client: RedisClient) async throws -> StreamID {
        var last = StreamID.zero
        let batches = try await client.send(XREAD([("jobs", .after(last))], count: 100, waiting: .seconds(30)))
        if let jobs = batches["jobs"] {
            for job in jobs { last = job.id }
        }
        return last
    }

    static func watch(_ client: RedisClient) async throws {
        try await client.withConnection(for: "stock") { connection in
            try await connection.watch(["stock"])
            guard try await connection.send(GET("stock")) != nil else { return }
            _ = try await connection.transaction(INCRBY("stock", -1))
        }
    }

    static func listen(_ client: RedisClient, _ show: (ArraySlice<UInt8>?) -> Void) async throws {
        let news = try await client.subscribe(to: .channels(["news"]))
        for await event in news {
            switch event {
            case .message(let message): show(message.payload)
            case .gap: show(nil)  // read what was missed from where it is kept
            }
        }
    }

    static func fail(_ client: RedisClient) async -> (isKnown: Bool, code: RedisError.Code?) {
        do throws(RedisError) {
            _ = try await client.send(INCRBY("visits"), deadline: .after(.milliseconds(200)))
            return (true, nil)
        } catch {
            // Not sent: it did not happen. Sent: it may have.
            return (!error.wasSent, error.code)
        }
    }

    static func measure(_ configuration: RedisConfiguration, _ registry: Metrics) throws -> RedisClient {
        let metrics = RedisMetrics(registry)
        let client = try RedisClient(configuration, observer: metrics)
        metrics.observe(client)
        return client
    }
}
