/// Asks the server for a sign of life.
public struct PING: RedisCommand {
    /// Nothing.
    public typealias Response = Void
    /// Asks.
    public init() {}
    /// The name.
    public var name: StaticString { "PING" }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) { encoder.append("PING" as StaticString) }
}

/// Reads the server's clock.
public struct TIME: RedisCommand {
    /// Microseconds since 1970.
    public typealias Response = Int64
    /// Asks.
    public init() {}
    /// The name.
    public var name: StaticString { "TIME" }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) { encoder.append("TIME" as StaticString) }
    /// Reads seconds and microseconds.
    public func decode(_ reply: RedisReply) throws(RedisError) -> Int64 {
        let parts = try [Int](reply)
        guard parts.count == 2 else { throw reply.unexpected("seconds and microseconds") }
        let (microseconds, overflow) = Int64(parts[0]).multipliedReportingOverflow(by: 1_000_000)
        let (sum, carry) = microseconds.addingReportingOverflow(Int64(parts[1]))
        guard !overflow, !carry else { throw reply.unexpected("seconds and microseconds") }
        return sum
    }
}

/// Reads facts about the server.
public struct INFO: RedisCommand {
    /// The facts by name.
    public typealias Response = [String: String]
    let section: String?

    /// Reads one section, or the usual ones.
    public init(_ section: String? = nil) { self.section = section }
    /// The name.
    public var name: StaticString { "INFO" }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("INFO" as StaticString)
        if let section { encoder.append(section) }
    }
    /// Reads lines of `name:value`.
    public func decode(_ reply: RedisReply) throws(RedisError) -> [String: String] {
        var facts: [String: String] = [:]
        for line in try String(reply).split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            facts[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return facts
    }
}

/// Waits until replicas have taken over all writes of this connection. To go with a write it has to be sent by
/// ``RedisClient/send(_:confirmedBy:within:deadline:)``.
public struct WAIT: RedisCommand {
    /// How many replicas have. Fewer than asked for does not mean that the writes are lost.
    public typealias Response = Int
    let replicas: Int
    let timeout: Duration

    /// Waits for `replicas`, at most for `timeout`.
    public init(replicas: Int, timeout: Duration) {
        self.replicas = replicas
        self.timeout = timeout
    }
    /// The name.
    public var name: StaticString { "WAIT" }
    /// As long as the timeout.
    public var blocks: Duration? { timeout }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("WAIT" as StaticString)
        encoder.append(replicas)
        encoder.append(timeout.milliseconds)
    }
}

/// Publishes a message to whoever listens now.
public struct PUBLISH: RedisCommand {
    /// How many listeners of this server got it.
    public typealias Response = Int
    let channel: RedisKey
    let message: RedisArgument
    let isSharded: Bool

    /// Publishes `message` on `channel`; a sharded channel belongs to a slot of the cluster (7.0 and later).
    public init(_ channel: RedisKey, _ message: RedisArgument, sharded: Bool = false) {
        self.channel = channel
        self.message = message
        isSharded = sharded
    }
    /// The name.
    public var name: StaticString { isSharded ? "SPUBLISH" : "PUBLISH" }
    /// A sharded channel is routed like a key.
    public var keys: [RedisKey] { isSharded ? [channel] : [] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append(name)
        encoder.append(channel)
        encoder.append(message)
    }
}

/// What a server says of its part in replication.
public enum ServerRole: Sendable, Hashable, RedisDecodable {
    /// It takes writes.
    case primary
    /// It follows another server, connected or not.
    case replica(primaryHost: String, primaryPort: Int, isConnected: Bool)
    /// It watches other servers.
    case sentinel

    /// Reads the answer to ROLE.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let parts = reply.elements.map(Array.init), let role = parts.first?.string else { throw reply.unexpected("a role") }
        switch role {
        case "master": self = .primary
        case "sentinel": self = .sentinel
        case "slave":
            guard parts.count >= 4 else { throw reply.unexpected("a role") }
            self = .replica(primaryHost: try String(parts[1]), primaryPort: try Int(parts[2]), isConnected: parts[3].string == "connected")
        default: throw reply.unexpected("a role")
        }
    }
}

/// Asks a server for its part in replication.
public struct ROLE: RedisCommand {
    /// Its part.
    public typealias Response = ServerRole
    /// Asks.
    public init() {}
    /// The name.
    public var name: StaticString { "ROLE" }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) { encoder.append("ROLE" as StaticString) }
}
