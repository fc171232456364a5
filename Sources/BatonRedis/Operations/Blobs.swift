public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Contents that are kept apart.
    public func blobs(_ digests: [BlobDigest], in key: SessionKey) async throws(StoreError) -> [BlobDigest: [UInt8]] {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + digests.map { .string($0.description) }
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.blobs, keys: names.keys, arguments: arguments, retrySafety: .always)))
        var found: [BlobDigest: [UInt8]] = [:]
        for digest in digests {
            let bytes = try reply.bytes()
            // No JSON value is empty.
            if !bytes.isEmpty { found[digest] = Array(bytes) }
        }
        return found
    }
}
