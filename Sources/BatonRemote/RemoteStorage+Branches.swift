public import BatonCore
internal import BatonHTTP

extension RemoteStorage {
    /// `POST S/fork`.
    public func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        guard key.owner == fork.owner else { throw StoreError(.invalidParameter, "a fork belongs to the app and user of its parent") }
        let request = Request(.post, key.path + "/fork", body: draft.wireForm(id: fork.id)).showing(epoch)
        return try SessionSnapshot(decoding: try await send(request).body, of: fork)
    }

    /// `POST S/rewind`.
    public func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("to")
            writer.place(draft.place)
            if draft.force {
                writer.name("force")
                writer.bool(true)
            }
        }
        var request = Request(.post, key.path + "/rewind", body: writer.bytes).showing(draft.epoch)
        if let expectedSeq = draft.expectedSeq { request.headers.add("If-Match", "\"\(expectedSeq)\"") }
        return try AppendReceipt(decoding: try await send(request).body)
    }

    /// `GET S/lineage`.
    public func lineage(of key: SessionKey) async throws(StoreError) -> Lineage {
        try Lineage(decoding: try await daemon.send(Request(.get, key.path + "/lineage")).body)
    }

    /// `GET S/compare`.
    public func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison {
        guard key.owner == other.owner else { throw StoreError(.invalidParameter, "sessions are compared with others of the same app and user") }
        var parameters = Parameters()
        parameters.add("with", other.id)
        return try BranchComparison(decoding: try await daemon.send(Request(.get, key.path + "/compare", query: parameters.text)).body)
    }
}
