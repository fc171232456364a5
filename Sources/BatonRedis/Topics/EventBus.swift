internal import BatonCore
internal import BatonRedisClient
internal import Synchronization

/// What a storage keeps in memory for its topics; shared by all that were made of one storage.
final class EventBus: Sendable {
    /// Where a topic is.
    enum Place {
        /// In the logs of all shards.
        case sessions
        /// In one stream.
        case stream(TopicKeys)
    }

    let publishing = PublishQueue()
    let readAhead = ReadAhead()
    let signals: SignalHub
    private let prefix: String
    /// By the bytes of names, because texts that look the same are different topics.
    private let streams: [[UInt8]: TopicKeys]
    /// Topics that this process has written into the register; bounded by forgetting all of them.
    private let registered = Mutex<Set<[UInt8]>>([])

    init(_ client: RedisClient, prefix: String, isCluster: Bool, streams: [String: String]) {
        self.prefix = prefix
        self.streams = Dictionary(uniqueKeysWithValues: streams.map { (Array($0.utf8), TopicKeys($0, stream: $1, prefix: prefix)) })
        signals = SignalHub(client, prefix: prefix, isCluster: isCluster)
    }

    /// Where the topic is. Only what the configuration lists is outside the prefix.
    func place(of topic: String) throws(StoreError) -> Place {
        if Name.isSame(topic, Topic.sessions) { return .sessions }
        return .stream(streams[Array(topic.utf8)] ?? TopicKeys(topic, prefix: prefix))
    }

    /// The names of streams that others write.
    var foreignNames: [String] { streams.values.map(\.name) }

    /// The register of topics: their names, all with the score 0.
    var register: RedisKey { RedisKey("\(prefix):{topics}") }

    func isRegistered(_ name: String) -> Bool { registered.withLock { $0.contains(Array(name.utf8)) } }

    func note(_ name: String) {
        registered.withLock { names in
            if names.count >= 10_000 { names.removeAll() }
            names.insert(Array(name.utf8))
        }
    }

    func forget(_ name: String) { registered.withLock { _ = $0.remove(Array(name.utf8)) } }
}
