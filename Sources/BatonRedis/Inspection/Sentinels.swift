internal import BatonRedisClient

/// What Sentinels say of a primary and its replicas.
package struct Sentinels: Sendable {
    /// One of them, and what it said.
    package struct Answer: Sendable {
        package let sentinel: String
        /// Why there is no answer.
        package let failure: String?
        /// SENTINEL MASTER: fields by name.
        package let primary: [String: String]
        /// SENTINEL REPLICAS: fields by name, for each.
        package let replicas: [[String: String]]
    }

    package let answers: [Answer]

    /// Asks all that a configuration names, together. Each has a few seconds.
    init(asking endpoints: [RedisEndpoint], of name: String, _ configuration: RedisConfiguration) async {
        answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, endpoint) in endpoints.enumerated() {
                group.addTask { (index, await Sentinels.ask(endpoint, name, configuration)) }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func ask(_ endpoint: RedisEndpoint, _ name: String, _ configuration: RedisConfiguration) async -> Answer {
        var settings = configuration
        settings.topology = .standalone([endpoint])
        settings.credentials = configuration.sentinelCredentials
        settings.tls = configuration.sentinelTLS
        settings.database = 0
        do throws(RedisError) {
            let client = try RedisClient(settings)
            do throws(RedisError) {
                let primary = try await client.send("SENTINEL", "MASTER", .string(name))
                // REPLICAS is 5.0 and later, as everything here.
                let replicas = try await client.send("SENTINEL", "REPLICAS", .string(name))
                await client.close()
                return Answer(
                    sentinel: endpoint.description, failure: nil, primary: fields(primary), replicas: replicas.elements?.map { fields($0) } ?? [])
            } catch {
                await client.close()
                throw error
            }
        } catch {
            return Answer(sentinel: endpoint.description, failure: error.message, primary: [:], replicas: [])
        }
    }

    private static func fields(_ reply: RedisReply) -> [String: String] {
        var fields: [String: String] = [:]
        if let pairs = reply.pairs {
            for (name, value) in pairs { if let name = name.string, let value = value.string { fields[name] = value } }
        }
        return fields
    }
}
