public import BatonCore
internal import BatonHTTP

extension RemoteStorage {
    /// `GET S/summaries`.
    public func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList {
        try SummaryList(decoding: JSON(try await send(Request(.get, key.path + "/summaries")).body))
    }

    /// `POST S/summaries/{filter}/claim`; the same holder gets the same claim.
    public func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int {
        let reply = try await send(Request(.post, key.path(ofSummary: claim.filter) + "/claim", body: claim.wireForm), repeatable: true)
        guard let epoch = try JSON(reply.body)["claim"]?.intValue else { throw WireError.incompatible("no claim") }
        return epoch
    }

    /// `PUT S/summaries/{filter}`; the same under the same claim is the same.
    public func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary {
        let request = Request(.put, key.path(ofSummary: draft.filter), body: draft.wireForm(claim: epoch))
        return try Summary(decoding: JSON(try await send(request, repeatable: true).body))
    }

    /// `DELETE S/summaries/{filter}/claim`.
    public func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError) {
        var parameters = Parameters()
        parameters.add("claim", epoch)
        _ = try await send(Request(.delete, key.path(ofSummary: filter) + "/claim", query: parameters.text), repeatable: true)
    }
}

extension RemoteStorage {
    /// `POST S/summaries`.
    public func ask(forSummary filter: String, of key: SessionKey, isForced: Bool, waits: Bool) async throws(StoreError) -> SummaryPromise? {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("filter")
            writer.string(filter)
            writer.name("force")
            writer.bool(isForced)
            writer.name("wait")
            writer.bool(waits)
        }
        let reply = try await send(Request(.post, key.path + "/summaries", body: writer.bytes), repeatable: true)
        guard reply.status != 204 else { return SummaryPromise(isQueued: false) }
        let answer = try JSON(reply.body)
        let summary = answer["summary"].flatMap { $0.isNull ? nil : $0 }
        let promise = SummaryPromise(
            isQueued: reply.status == 202, summary: try summary.map { (value) throws(StoreError) in try Summary(decoding: value) })
        return promise.isQueued || promise.summary != nil ? promise : nil
    }
}
