/// How much of a message is read before it is refused.
public struct Limits: Sendable {
    /// Bytes of the head, request line or status line included. More is answered `431`.
    public var headBytes = 16 * 1024
    /// Header fields; trailers are counted on their own. More is answered `431`.
    public var headerCount = 100
    /// Bytes of the request target. More is answered `414`.
    public var targetBytes = 8 * 1024
    /// Bytes of the body, decoded. More is answered `413`, before any of it is read when its length was announced.
    public var bodyBytes = 8 * 1024 * 1024
    /// Bytes of chunk-size lines beyond the sizes themselves, over the whole body (RFC 9112 §7.1.1 asks for a bound).
    var chunkExtensionBytes = 4 * 1024

    /// The defaults: 16 KiB, 100 fields, 8 KiB, 8 MiB.
    public init() {}
}
