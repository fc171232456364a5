/// What a storage owes to contents that are kept apart from their events. ``LargeContent`` decides which are, and puts them together again.
///
/// An ``EventDraft`` or ``EventPatch`` may come with such a content, and its body refers to it. The storage keeps the content beside the session's events, by its
/// digest and once however many of them refer to it, in the step that stores the event. It goes with the last of them: when that is replaced, removed, trimmed or
/// forgotten, when the session is deleted or expires, by itself where the storage has keys that expire. Contents of a log that several branches show
/// belong to the log and go with it.
///
/// Bodies are given back as they are stored, except by ``Storage/remove(_:in:epoch:)``: what was removed comes with its content, because that may be
/// gone then.
public protocol BlobStorage: Sendable {
    /// Contents that events of the session refer to, by their digests, 1 to ``BlobRequest/maximumDigests``, in one read. What the session does not have is
    /// missing. Nothing is checked.
    /// - Throws: ``StoreError/noSession``.
    func blobs(_ digests: [BlobDigest], in key: SessionKey) async throws(StoreError) -> [BlobDigest: [UInt8]]
}

/// Bounds of reading contents that are kept apart.
public enum BlobRequest {
    /// The most contents that are read at once.
    public static let maximumDigests = 500
    /// About how many bytes are read at once, as long as it is more than one content.
    public static let maximumBytes = 16 << 20
}
