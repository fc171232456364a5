internal import BatonIO
internal import Synchronization

/// What TLS connections trust and show. Loaded from its files when the first connection is made, on a thread of its own because files
/// block, and shared by all later ones, which is what lets them resume sessions.
final class TrustStore: Sendable {
    private let configuration: RedisConfiguration.TLS
    private let loaded = Mutex<TLSClientContext?>(nil)

    init(_ configuration: RedisConfiguration.TLS) { self.configuration = configuration }

    /// The context to connect with.
    /// - Throws: ``RedisError`` with the code `tls` when a file cannot be used.
    func context() async throws(RedisError) -> TLSClientContext {
        if let context = loaded.withLock({ $0 }) { return context }
        let configuration = configuration
        let outcome: Result<TLSClientContext, IOError> = await withCheckedContinuation { continuation in
            do throws(IOError) {
                try Thread.start(named: "baton-tls") { continuation.resume(returning: Result { () throws(IOError) in try Self.load(configuration) }) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        switch outcome {
        case .failure(let error): throw RedisError(.tls, error.message, underlying: error)
        case .success(let context):
            // Two connections may have loaded at once; one context is kept for both.
            return loaded.withLock { loaded in
                if let loaded { return loaded }
                loaded = context
                return context
            }
        }
    }

    private static func load(_ configuration: RedisConfiguration.TLS) throws(IOError) -> TLSClientContext {
        var identity: TLSIdentity?
        if let certificate = configuration.certificateFile, let key = configuration.keyFile {
            identity = TLSIdentity(certificateChain: certificate, privateKey: key)
        }
        return try TLSClientContext(authorities: configuration.authorityFile, identity: identity, serverName: configuration.serverName)
    }
}
