internal import BatonCore

/// What every command takes.
enum CommonOptions {
    static let store = Option<String>(
        "store", "URL", default: "sqlite:baton.db", help: "Where sessions are kept: sqlite:PATH, sqlite::memory:, redis://HOST or http(s)://DAEMON",
        traits: OptionTraits(short: "s"))
    static let keyPrefix = Option<String>("key-prefix", "PREFIX", default: "baton", help: "What all keys in Redis begin with")
    static let shards = Option<Int?>(
        "shards", "N", in: 1...1024, help: "How many slots of Redis a new key prefix is spread over, 16 by default; fixed from then on")
    static let streams = Option<Streams?>(
        "streams", "NAME=KEY,…", help: "Streams in Redis that others write and that are topics here too; NAME alone is its own key")
    static let tokenFile = Option<String?>(
        "token-file", "FILE", help: "Read the token for a daemon from this file; BATON_TOKEN holds the token itself",
        traits: OptionTraits(completesFiles: true))
    static let authorities = Option<String?>(
        "ca-file", "FILE", help: "Trust these authorities (PEM) for an https daemon, instead of the system's",
        traits: OptionTraits(completesFiles: true))
    static let json = Option<Bool>.flag("json", help: "Write one JSON object a line, on a terminal too", traits: OptionTraits(settable: .variable))
    /// Holds a secret, so it is a variable only: a flag could be read in the list of processes.
    static let tokenVariable = "BATON_TOKEN"

    static let declarations = [
        store.declaration, keyPrefix.declaration, shards.declaration, streams.declaration, tokenFile.declaration, authorities.declaration,
        json.declaration,
        CommandLineParser.configuration.declaration,
    ]
}

/// Whose session is meant when its name is not given in full.
enum OwnerOptions {
    static let app = Option<String?>("app", "APP", help: "The app, for names without one")
    static let user = Option<String?>("user", "USER", help: "The user, for names without one")

    static let declarations = [app.declaration, user.declaration]
}

/// How a store on this machine keeps what it is given. A daemon has its own.
enum KeepingOptions {
    static let durability = Option<Durability?>(
        "durability", "LEVEL",
        help:
            "What an acknowledged write survives: a file takes full (power loss; default) or normal (the end of the process), Redis memory (what its "
            + "server keeps; default) or wait:REPLICAS:TIME")
    static let maximumEvents = Option<Int?>(
        "max-events", "N", in: 1...1_000_000_000, help: "The most events a session keeps; older ones are trimmed")
    static let blobThreshold = Option<ByteSize>(
        "blob-threshold", "SIZE", default: .kibibytes(64), in: ByteSize(bytes: 0) ... .mebibytes(8),
        help: "Keep contents of events over this size apart, once for each session; 0 keeps all with their events")
    static let sessionTTL = Option<Duration?>(
        "session-ttl", "TIME", help: "How long a session lives after a write, unless it says otherwise; for ever without")
    static let requireTTL = Option<Bool>.flag("require-ttl", help: "Refuse sessions that would live for ever")
    static let userStateTTL = Option<Duration?>("user-state-ttl", "TIME", help: "How long a user's state lives after a write; for ever without")
    static let appStateTTL = Option<Duration?>("app-state-ttl", "TIME", help: "How long an app's state lives after a write; for ever without")
    static let slidingReads = Option<Bool>.flag("sliding-reads", help: "Reading a session restarts its lifetime too")

    static let declarations = [
        durability.declaration, maximumEvents.declaration, blobThreshold.declaration, sessionTTL.declaration, requireTTL.declaration,
        userStateTTL.declaration,
        appStateTTL.declaration,
        slidingReads.declaration,
    ]
}

/// Topics that are streams of others: names and keys.
struct Streams: ArgumentValue, Hashable {
    let keys: [String: String]
    let argument: String

    static var expectation: String { "NAME=KEY or NAME, with commas between several" }

    init?(argument: String) {
        var keys: [String: String] = [:]
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let (name, key) = part.firstIndex(of: "=").map { (part[..<$0], part[part.index(after: $0)...]) } ?? (part, part)
            guard !name.isEmpty, !key.isEmpty, keys.updateValue(String(key), forKey: String(name)) == nil else { return nil }
        }
        self.keys = keys
        self.argument = argument
    }
}

extension Durability: ArgumentValue {
    static var expectation: String { "full, normal, memory or wait:REPLICAS:TIME, such as wait:1:500ms" }
    init?(argument: String) {
        guard let durability = try? Durability(argument) else { return nil }
        self = durability
    }
    var argument: String { description }
}

extension Duration {
    /// Whole seconds, at least 1: what lifetimes are counted in.
    /// - Throws: when it is not a whole number of seconds in the range of lifetimes.
    func lifetime(_ option: String) throws(UsageError) -> Int {
        let (seconds, attoseconds) = components
        guard attoseconds == 0, (1...Int64(SessionDraft.maximumTTL)).contains(seconds) else {
            throw UsageError(message: "\(option): a lifetime is a whole number of seconds, from 1s to \(SessionDraft.maximumTTL / 86_400)d")
        }
        return Int(seconds)
    }
}
