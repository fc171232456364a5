/// How a store treats what it keeps; the same for every storage.
public struct StorePolicy: Hashable, Sendable {
    /// The most events that a session keeps; older ones are trimmed by the append that exceeds it. `nil` keeps all.
    public var maximumEvents: Int?
    /// How long a session lives after a write when it was created without saying so, in seconds; `nil` for ever.
    public var sessionTTL: Int?
    /// How long a user's state lives after a write of it, in seconds; `nil` for ever.
    public var userStateTTL: Int?
    /// How long an application's state lives after a write of it, in seconds; `nil` for ever.
    public var appStateTTL: Int?
    /// Whether reading a session restarts its lifetime too.
    public var readsExtendLife: Bool
    /// Whether every session needs a lifetime, its own or ``sessionTTL``, so that a store cannot grow for ever.
    public var requiresTTL: Bool
    /// Contents of events with more bytes than this are kept apart from them, once for each session; 0 keeps all with their events. Whatever is
    /// stored is read, whatever this says.
    public var blobThreshold: Int

    /// Where contents are kept apart unless it is configured: 64 KiB.
    public static let defaultBlobThreshold = 64 << 10

    /// A policy; by default everything is kept for ever.
    public init(
        maximumEvents: Int? = nil, sessionTTL: Int? = nil, userStateTTL: Int? = nil, appStateTTL: Int? = nil, readsExtendLife: Bool = false,
        requiresTTL: Bool = false, blobThreshold: Int = StorePolicy.defaultBlobThreshold
    ) {
        self.maximumEvents = maximumEvents
        self.sessionTTL = sessionTTL
        self.userStateTTL = userStateTTL
        self.appStateTTL = appStateTTL
        self.readsExtendLife = readsExtendLife
        self.requiresTTL = requiresTTL
        self.blobThreshold = blobThreshold
    }

    /// How long a session created from a draft lives after a write, in seconds.
    public func ttl(for lifetime: SessionDraft.Lifetime) -> Int? {
        switch lifetime {
        case .storeDefault: sessionTTL
        case .unlimited: nil
        case .seconds(let seconds): seconds
        }
    }
    /// Refuses a session that would live for ever where that is not allowed.
    /// - Throws: ``StoreError/Code/invalidField``.
    public func check(_ lifetime: SessionDraft.Lifetime) throws(StoreError) {
        guard requiresTTL, ttl(for: lifetime) == nil else { return }
        throw StoreError(
            .invalidField, "ttl: this store keeps no session for ever; give its lifetime in seconds, from 1 to \(SessionDraft.maximumTTL)")
    }
}
