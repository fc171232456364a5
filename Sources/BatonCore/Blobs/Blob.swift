internal import CBatonTLS

/// The name of a content that is kept apart from its event: the SHA-256 of its bytes.
public struct BlobDigest: Hashable, Sendable, CustomStringConvertible {
    /// 64 hexadecimal digits, in lower case.
    public let description: String

    /// How many digits it has.
    static let digits = 64

    /// The digest of these bytes. O(n).
    public init(of bytes: [UInt8]) {
        let hash = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            SHA256(bytes, bytes.count, buffer.baseAddress)
            count = 32
        }
        description = Hex.text(of: hash)
    }

    /// Reads 64 hexadecimal digits in lower case; `nil` for anything else.
    public init?(_ text: String) {
        guard text.utf8.count == BlobDigest.digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            return nil
        }
        description = text
    }
}

/// A content that is stored beside the event that refers to it.
public struct Blob: Hashable, Sendable {
    /// Its name.
    public let digest: BlobDigest
    /// The content, a JSON value.
    public let bytes: [UInt8]

    /// A content with the name that it has by its bytes.
    public init(_ bytes: [UInt8]) {
        digest = BlobDigest(of: bytes)
        self.bytes = bytes
    }

    /// What an event says of it.
    public var reference: BlobReference { BlobReference(digest: digest, count: bytes.count) }
}

/// What an event holds in place of a content that is kept apart.
public struct BlobReference: Hashable, Sendable {
    /// The name of the content.
    public let digest: BlobDigest
    /// How many bytes it has.
    public let count: Int

    /// A reference of its parts.
    public init(digest: BlobDigest, count: Int) {
        self.digest = digest
        self.count = count
    }
}

/// How contents that are kept apart are shown.
public enum BlobView: String, Hashable, Sendable, CaseIterable {
    /// Inside their events, as if they had never been apart.
    case whole
    /// By their references, for readers of long lists; see ``Event/blob``.
    case reference
}

extension Event {
    /// Where its content is, when that is kept apart and was not asked for; then ``content`` is `null`. O(1).
    public var blob: BlobReference? { BlobReference(inBody: body) }
}

extension StoreError {
    /// The session has no such content, or not any more.
    public static let noBlob = StoreError(.notFound, "the session has no content with this digest")
}
