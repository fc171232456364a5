/// When a command may be sent a second time after its reply was lost.
public enum RetrySafety: Sendable, Hashable {
    /// Running it twice is the same as running it once: reads, and writes that carry their own identity.
    case always
    /// Only when the server cannot have run it: it was not sent, or the server said so.
    case ifNotSent
    /// Not at all; not even when the server says that it would work later. Redirections in a cluster are still followed.
    case never
}

/// One command of the server as a type: what it is made of, what it answers and how it may be treated.
public protocol RedisCommand: Sendable {
    /// What the reply means.
    associatedtype Response: Sendable

    /// The command's name as the server and the metrics know it.
    var name: StaticString { get }
    /// The keys it touches; in a cluster all of them must belong to one slot.
    var keys: [RedisKey] { get }
    /// Whether it changes nothing, so that a replica may answer it.
    var isReadOnly: Bool { get }
    /// How long the server may hold the reply back on purpose; nil for commands that are answered at once. `.zero` is without end.
    var blocks: Duration? { get }
    /// When it may be sent again.
    var retrySafety: RetrySafety { get }
    /// Writes name and arguments.
    func encode(into encoder: inout RESPEncoder)
    /// Reads the reply. Refusals of the server have been thrown before.
    func decode(_ reply: RedisReply) throws(RedisError) -> Response
}

extension RedisCommand {
    /// No keys.
    public var keys: [RedisKey] { [] }
    /// A write, unless said otherwise.
    public var isReadOnly: Bool { false }
    /// Answered at once, unless said otherwise.
    public var blocks: Duration? { nil }
    /// Reads may be repeated, writes only when the server cannot have run them, unless said otherwise.
    public var retrySafety: RetrySafety { isReadOnly ? .always : .ifNotSent }
}

extension RedisCommand where Response: RedisDecodable {
    /// Reads the reply as the response type says.
    public func decode(_ reply: RedisReply) throws(RedisError) -> Response { try Response(reply) }
}

extension RedisCommand where Response == Void {
    /// Takes any reply that is not a refusal.
    public func decode(_ reply: RedisReply) throws(RedisError) {}
}

/// Any command by its words, for what has no type of its own. Keys must be named for clusters.
public struct RawCommand: RedisCommand {
    /// The reply as it came.
    public typealias Response = RedisReply

    /// The words of the command, its name first.
    public var words: [RedisArgument]
    /// The keys among the words.
    public var keys: [RedisKey]
    /// Whether it changes nothing.
    public var isReadOnly: Bool
    /// How long the server may hold the reply back.
    public var blocks: Duration?
    /// When it may be sent again.
    public var retrySafety: RetrySafety

    /// Makes a command from its words.
    public init(
        _ words: [RedisArgument], keys: [RedisKey] = [], isReadOnly: Bool = false, blocks: Duration? = nil, retrySafety: RetrySafety = .never
    ) {
        self.words = words
        self.keys = keys
        self.isReadOnly = isReadOnly
        self.blocks = blocks
        self.retrySafety = retrySafety
    }

    /// All of these share one name in the metrics.
    public var name: StaticString { "RAW" }
    /// Writes the words.
    public func encode(into encoder: inout RESPEncoder) { encoder.append(words) }
}
