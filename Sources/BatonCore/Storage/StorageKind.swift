/// What keeps the sessions of a store, in one word: an attribute of spans.
public struct StorageKind: RawRepresentable, Hashable, Sendable {
    /// The word.
    public let rawValue: String

    /// A kind by its word.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// An SQLite file, or memory.
    public static let sqlite = StorageKind(rawValue: "sqlite")
    /// Redis or Valkey.
    public static let redis = StorageKind(rawValue: "redis")
    /// Another daemon.
    public static let remote = StorageKind(rawValue: "remote")
    /// Anything else.
    public static let other = StorageKind(rawValue: "other")

    /// Whether another process does the work.
    var isAway: Bool { self == .redis || self == .remote }
}
