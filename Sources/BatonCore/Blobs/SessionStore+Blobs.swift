extension SessionStore {
    /// One content of the session that is kept apart from its events, by its digest: for readers who asked for references. It is there as long as an event that
    /// refers to it.
    /// - Throws: ``StoreError/noBlob``, ``StoreError/noSession``; ``StoreError/Code/storeCorrupt`` when it is damaged.
    public func blob(_ digest: BlobDigest, in key: SessionKey) async throws(StoreError) -> JSON {
        try await perform(.getBlob, on: key) { () throws(StoreError) in
            guard let bytes = try await self.storage.blobs([digest], in: key)[digest] else { throw StoreError.noBlob }
            return JSON(checked: bytes)
        }
    }
}

extension Session {
    /// One content that is kept apart from its event, by its digest.
    public func blob(_ digest: BlobDigest) async throws(StoreError) -> JSON { try await store.blob(digest, in: key) }
}
