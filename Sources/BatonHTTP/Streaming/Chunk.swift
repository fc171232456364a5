/// A piece of a streamed body, framed once (RFC 9112 §7.1) and then shared by every stream that sends it.
public struct Chunk: Sendable {
    /// Size line, payload, CRLF: what goes to an HTTP/1.1 connection. Empty for an empty payload, because an empty chunk ends a body.
    let framed: [UInt8]
    private let payloadStart: Int

    /// Frames `payload`. O(n), once.
    public init(_ payload: [UInt8]) {
        guard !payload.isEmpty else {
            framed = []
            payloadStart = 0
            return
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payload.count + 20)
        bytes.append(hexadecimal: payload.count)
        bytes.append("\r\n")
        payloadStart = bytes.count
        bytes.append(contentsOf: payload)
        bytes.append("\r\n")
        framed = bytes
    }

    /// The bytes without their frame: what goes to an HTTP/1.0 connection, which knows no chunks.
    public var payload: ArraySlice<UInt8> { framed.isEmpty ? [] : framed[payloadStart..<framed.count - 2] }

    /// Whether there is nothing to send.
    public var isEmpty: Bool { framed.isEmpty }

    /// The chunk that ends a body.
    static let last: [UInt8] = Array("0\r\n\r\n".utf8)
}
