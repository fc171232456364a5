public import BatonCore

/// A subscription: the events of a topic, sent to a URL as signed requests.
///
/// The store keeps it, and a group of consumers of the topic that is named after it; all daemons on the store are consumers of that group.
public struct WebHook: Sendable, Equatable {
    /// Why nothing is sent.
    public struct Disabling: Sendable, Equatable {
        /// Since when.
        public let time: Timestamp
        /// What happened.
        public let reason: String
    }

    /// What people call it, 1 to 200 bytes.
    public let name: String
    /// Whose events are sent.
    public let topic: String
    /// Which of them; the others are passed over.
    public let filter: TopicFilter
    /// Where they are sent.
    public let url: WebHookURL
    /// What requests are signed with; each makes a signature, so that a receiver can change from one to the next.
    public let secrets: [WebHookSecret]
    /// How its group hands out events.
    public let settings: GroupSettings
    /// The most requests at once from one daemon, 1 to 100.
    public let concurrency: Int
    /// How long a request may take, in milliseconds: 1 second to 5 minutes.
    public let timeoutMilliseconds: Int
    /// Random for every change: what was said of an earlier form of the web hook does not count for this one.
    let revision: String
    /// Set when nothing is sent.
    public internal(set) var disabled: Disabling?

    /// A web hook.
    /// - Throws: ``StoreError/Code/invalidName``, ``StoreError/Code/invalidField`` saying what is allowed.
    public init(
        _ name: String, topic: String, filter: TopicFilter = TopicFilter(), url: WebHookURL, secrets: [WebHookSecret],
        settings: GroupSettings = GroupSettings(), concurrency: Int = 4, timeoutMilliseconds: Int = 15_000
    ) throws(StoreError) {
        guard (1...200).contains(name.utf8.count) else { throw StoreError(.invalidName, "the name of a web hook has 1 to 200 bytes") }
        guard (1...4).contains(secrets.count) else { throw StoreError(.invalidField, "a web hook has 1 to 4 secrets") }
        guard (1...100).contains(concurrency) else { throw StoreError(.invalidField, "the concurrency of a web hook is 1 to 100") }
        guard (1000...300_000).contains(timeoutMilliseconds) else { throw StoreError(.invalidField, "the timeout of a web hook is 1 to 300 seconds") }
        self.name = name
        self.topic = try Name.checked(topic, "the topic")
        self.filter = filter
        self.url = url
        self.secrets = secrets
        self.settings = settings
        self.concurrency = concurrency
        self.timeoutMilliseconds = timeoutMilliseconds
        revision = Randomness.generation()
    }

    /// The group of the topic's consumers that is the web hook's.
    public var group: String { WebHook.prefix + name }

    static let prefix = "webhook:"
}

extension SessionStore {
    /// What marks a web hook as disabled stands beside it, so that marking never undoes a change that somebody makes meanwhile.
    private static let markPrefix = "webhook-disabled:"

    /// All web hooks by name.
    /// - Throws: ``StoreError/Code/storeCorrupt`` for a record that cannot be understood.
    public func webHooks() async throws(StoreError) -> [WebHook] {
        let records = try await state(.store)
        var hooks: [WebHook] = []
        for (key, record) in records where key.hasPrefix(WebHook.prefix) {
            let name = String(key.dropFirst(WebHook.prefix.count))
            guard var hook = WebHook(name, record: record) else {
                throw StoreError(.storeCorrupt, "the record of the web hook \(name) cannot be understood")
            }
            hook.disabled = records[SessionStore.markPrefix + name].flatMap { WebHook.Disabling(record: $0, revision: hook.revision) }
            hooks.append(hook)
        }
        return hooks.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// Keeps a web hook in place of one of its name, enabled; daemons on this store send its events within seconds.
    ///
    /// Its group begins at `cursor` when it is made; one that is there goes on where it is.
    /// - Throws: ``StoreError/Code/conflict`` when the group is there and ordered otherwise, which cannot be changed.
    public func set(_ hook: WebHook, from cursor: TopicCursor = .now) async throws(StoreError) {
        let isOrdered = try await setGroup(hook.group, of: hook.topic, hook.settings, from: cursor).group.settings.isOrdered
        guard isOrdered == hook.settings.isOrdered else {
            throw StoreError(.conflict, "the web hook \(hook.name) is \(isOrdered ? "" : "not ")ordered; delete it to change that")
        }
        try await change(
            .store,
            [StateChange(WebHook.prefix + hook.name, .set(hook.record)), StateChange(SessionStore.markPrefix + hook.name, .remove)])
    }

    /// Sends nothing for a web hook any more until it is enabled or set again; events wait in its group.
    public func disable(_ hook: WebHook, reason: String) async throws(StoreError) {
        let mark = WebHook.Disabling(time: SystemClock.now(), reason: reason).record(for: hook.revision)
        try await change(.store, [StateChange(SessionStore.markPrefix + hook.name, .set(mark))])
    }

    /// Sends for a web hook again.
    public func enable(_ hook: WebHook) async throws(StoreError) {
        try await change(.store, [StateChange(SessionStore.markPrefix + hook.name, .remove)])
    }

    /// Deletes a web hook with its group: what was not sent yet is not, and its dead letters are gone.
    public func delete(_ hook: WebHook) async throws(StoreError) {
        // The record first: a daemon that misses the group of a web hook that is there makes it again.
        try await change(
            .store, [StateChange(WebHook.prefix + hook.name, .remove), StateChange(SessionStore.markPrefix + hook.name, .remove)])
        try await delete(group: hook.group, of: hook.topic)
    }
}
