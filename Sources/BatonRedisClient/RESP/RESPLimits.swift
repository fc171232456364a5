/// Bounds on what a server may send, checked before any arithmetic on a length that came from the wire.
public struct RESPLimits: Sendable, Hashable {
    /// Largest reply in bytes, headers included. 128 MiB by default, at most 1 GiB.
    public var maximumReplyBytes: Int
    /// Largest number of values in one reply, nested ones included. 8 Mi by default.
    public var maximumElements: Int
    /// Deepest nesting of arrays, maps, sets and attributes. 16 by default, at most ``RESPLimits/deepest``.
    public var maximumDepth: Int
    /// Longest simple string, error or number line in bytes. 64 KiB by default.
    public var maximumLineBytes: Int

    /// The nesting that the decoder's stack has room for.
    public static let deepest = 32

    /// Makes bounds; values outside of what the decoder can hold are clamped.
    public init(
        maximumReplyBytes: Int = 128 << 20, maximumElements: Int = 8 << 20, maximumDepth: Int = 16, maximumLineBytes: Int = 64 << 10
    ) {
        self.maximumReplyBytes = min(max(maximumReplyBytes, 64), 1 << 30)
        self.maximumElements = min(max(maximumElements, 1), 1 << 26)
        self.maximumDepth = min(max(maximumDepth, 1), Self.deepest)
        self.maximumLineBytes = min(max(maximumLineBytes, 64), 1 << 20)
    }
}
