public import BatonCore
internal import BatonTelemetry
internal import CBatonTLS

/// The key that a web hook's requests are signed with, as the Standard Webhooks specification writes it: `whsec_` and base64.
public struct WebHookSecret: Sendable, Equatable {
    private let key: Secret<[UInt8]>

    private static let prefix = "whsec_"
    /// What the specification allows, in bytes.
    private static let length = 24...64

    /// Reads a secret. The text is not repeated in errors.
    /// - Throws: ``StoreError/Code/invalidField`` saying what is allowed.
    public init(_ text: String) throws(StoreError) {
        let bytes = text.hasPrefix(WebHookSecret.prefix) ? Base64.bytes(of: String(text.dropFirst(WebHookSecret.prefix.count))) : nil
        guard let bytes, WebHookSecret.length.contains(bytes.count) else {
            throw StoreError(.invalidField, "a web hook's secret is whsec_ and 24 to 64 bytes in base64")
        }
        key = Secret(bytes)
    }

    private init(key: [UInt8]) { self.key = Secret(key) }

    /// A secret that nobody can guess.
    public static func make() -> WebHookSecret { WebHookSecret(key: Randomness.bytes(32)) }

    /// The form that `init(_:)` reads, for whoever has to check signatures.
    public var revealed: String { WebHookSecret.prefix + Base64.text(of: key.revealed) }

    /// `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`.
    func signature(of body: [UInt8], id: String, timestamp: Int) -> String {
        let signed = Array("\(id).\(timestamp).".utf8) + body
        let key = key.revealed
        let digest = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            var length: UInt32 = 0
            // Returns nil only without memory or without SHA-256; a signature of no bytes is one that nobody accepts.
            count = HMAC(EVP_sha256(), key, Int32(clamping: key.count), signed, signed.count, buffer.baseAddress, &length) == nil ? 0 : Int(length)
        }
        return "v1,\(Base64.text(of: digest))"
    }
}

/// Base64 with padding (RFC 4648 §4).
private enum Base64 {
    static func text(of bytes: [UInt8]) -> String {
        let length = (bytes.count + 2) / 3 * 4
        // One more for the NUL that OpenSSL writes.
        let text = [UInt8](unsafeUninitializedCapacity: length + 1) { buffer, count in
            count = Int(max(0, EVP_EncodeBlock(buffer.baseAddress, bytes, Int32(clamping: bytes.count))))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for what is not base64, or not in the one form that `text(of:)` writes.
    static func bytes(of text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 4), digits.count <= 1024 else { return nil }
        let padding = digits.suffix(2).count { $0 == UInt8(ascii: "=") }
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: digits.count / 4 * 3 + 1) { buffer, count in
            let decoded = Int(EVP_DecodeBlock(buffer.baseAddress, digits, Int32(digits.count)))
            failed = decoded < padding
            // Padding is decoded as zeros.
            count = max(0, decoded - padding)
        }
        return !failed && Base64.text(of: bytes) == text ? bytes : nil
    }
}
