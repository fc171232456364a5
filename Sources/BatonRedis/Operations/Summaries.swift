public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// The summaries of a session.
    public func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + [policy.readsExtendLife ? 1 : 0]
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.summaries, keys: names.keys, arguments: arguments, retrySafety: .always)))
        let (tail, floor) = (try reply.offset(), try reply.offset())
        let tokens = try reply.int()
        let generation = try reply.text()
        time.served(tail.milliseconds)
        var summaries: [Summary] = []
        while let filter = reply.nextIfAny()?.bytes {
            let boundary = try reply.offset()
            let createdAt = Timestamp(milliseconds: try reply.int())
            summaries.append(
                try Summary(
                    filter: String(decoding: filter, as: UTF8.self), boundary: boundary, createdAt: createdAt,
                    body: JSON(checked: Array(try reply.bytes()))))
        }
        return SummaryList(summaries: summaries, tail: tail, floor: floor, tokens: tokens, generation: generation)
    }

    /// Claims the summary of a filter. The same holder gets the same claim, so it may be sent again.
    public func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int {
        let names = layout.names(of: key)
        let arguments =
            self.arguments(names) + [
                .string(claim.filter), .string(claim.holder), RedisArgument(claim.ttlMilliseconds), claim.steals ? 1 : 0,
                RedisArgument(Summary.maximumPerSession),
            ]
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.claimSummary, keys: names.keys, arguments: arguments, retrySafety: .always)))
        return try reply.int()
    }

    /// Stores a summary. The same under the same claim is the same, so it may be sent again.
    public func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary {
        let names = layout.names(of: key)
        let arguments =
            self.arguments(names) + [
                .string(draft.filter), RedisArgument(epoch), RedisArgument(draft.boundary.seq), RedisArgument(draft.boundary.milliseconds),
                .bytes(draft.body.bytes),
            ]
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.putSummary, keys: names.keys, arguments: arguments, retrySafety: .always)))
        return draft.stored(at: Timestamp(milliseconds: try reply.int()))
    }

    /// Ends a claim.
    public func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError) {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + [.string(filter), RedisArgument(epoch)]
        _ = try ScriptReply(try await send(EVALSHA(Scripts.releaseSummary, keys: names.keys, arguments: arguments, retrySafety: .always)))
    }
}
