/// A Lua script, known to the server by its SHA-1.
///
/// Make one once and keep it: the digest is computed when it is made.
public struct RedisScript: Sendable {
    /// The source.
    public let source: String
    /// The SHA-1 of the source as 40 hexadecimal digits, which is how the server names it.
    public let digest: [UInt8]
    /// Whether it changes nothing, so that a replica may run it and it may be repeated.
    public let isReadOnly: Bool

    /// Makes a script from its source.
    public init(_ source: String, isReadOnly: Bool = false) {
        self.source = source
        self.isReadOnly = isReadOnly
        digest = SHA1.hexDigest(of: source.utf8)
    }
}

/// Runs a script by its digest. ``RedisClient`` sends the source by itself when the server does not know it.
public struct EVALSHA: RedisCommand {
    /// What the script returned.
    public typealias Response = RedisReply
    let script: RedisScript
    /// The keys the script touches; in a cluster all of them must belong to one slot.
    public let keys: [RedisKey]
    let arguments: [RedisArgument]
    /// When it may be run again; a script whose second run is harmless says `.always`.
    public let retrySafety: RetrySafety
    /// Whether the source goes along.
    let sendsSource: Bool

    /// Runs `script` on `keys`.
    public init(_ script: RedisScript, keys: [RedisKey], arguments: [RedisArgument] = [], retrySafety: RetrySafety? = nil) {
        self.init(
            script, keys: keys, arguments: arguments, retrySafety: retrySafety ?? (script.isReadOnly ? .always : .ifNotSent), sendsSource: false)
    }

    private init(_ script: RedisScript, keys: [RedisKey], arguments: [RedisArgument], retrySafety: RetrySafety, sendsSource: Bool) {
        self.script = script
        self.keys = keys
        self.arguments = arguments
        self.retrySafety = retrySafety
        self.sendsSource = sendsSource
    }

    /// The same call with the source, for a server that does not know the digest. It knows it afterwards.
    public var withSource: EVALSHA {
        EVALSHA(script, keys: keys, arguments: arguments, retrySafety: retrySafety, sendsSource: true)
    }

    /// The name.
    public var name: StaticString { sendsSource ? "EVAL" : "EVALSHA" }
    /// As the script says.
    public var isReadOnly: Bool { script.isReadOnly }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append(name)
        if sendsSource { encoder.append(script.source) } else { encoder.append(script.digest) }
        encoder.append(keys.count)
        encoder.append(keys)
        encoder.append(arguments)
    }
}
