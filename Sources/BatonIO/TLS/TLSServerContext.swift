internal import CBatonTLS
internal import Synchronization

/// What a server shows its clients, and what it asks of them. TLS 1.2 or later; sessions are resumed by tickets.
public final class TLSServerContext: Sendable {
    /// Whether clients show certificates.
    public enum ClientCertificates: Sendable, Hashable {
        /// None are asked for.
        case ignored
        /// Clients may show one; if they do, an authority in this PEM file has to vouch for it.
        case optional(authorities: String)
        /// Clients have to show one that an authority in this PEM file vouches for.
        case required(authorities: String)
    }

    private let identity: TLSIdentity
    private let clients: ClientCertificates
    private let current: Mutex<TLSContext>

    /// Loads the files, which blocks for as long as reading them takes.
    ///
    /// - Throws: `tls` with the file and what is wrong with it.
    public init(identity: TLSIdentity, clientCertificates: ClientCertificates = .ignored) throws(IOError) {
        self.identity = identity
        clients = clientCertificates
        current = Mutex(try Self.load(identity, clientCertificates))
    }

    /// Reads the files again; connections made from now on get what they hold. When that fails, all stays as it was.
    ///
    /// - Throws: as `init`.
    public func reload() throws(IOError) {
        let fresh = try Self.load(identity, clients)
        current.withLock { $0 = fresh }
    }

    func session() throws(IOError) -> TLSSession {
        let session = try TLSSession(current.withLock { $0 })
        SSL_set_accept_state(session.pointer)
        return session
    }

    private static func load(_ identity: TLSIdentity, _ clients: ClientCertificates) throws(IOError) -> TLSContext {
        let context = try TLSContext(isServer: true)
        try context.use(identity)
        // Without a name for this use, OpenSSL refuses to resume sessions of clients that showed a certificate.
        let name = Array("baton".utf8)
        SSL_CTX_set_session_id_context(context.pointer, name, UInt32(name.count))
        SSL_CTX_set_num_tickets(context.pointer, 1)
        let (authorities, mode): (String, Int32)
        switch clients {
        case .ignored: return context
        case .optional(let file): (authorities, mode) = (file, SSL_VERIFY_PEER)
        case .required(let file): (authorities, mode) = (file, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT)
        }
        try context.trust(authorities: authorities)
        // Names the authorities to the client, so that it can choose a certificate.
        SSL_CTX_set_client_CA_list(context.pointer, SSL_load_client_CA_file(authorities))
        SSL_CTX_set_verify(context.pointer, mode, nil)
        return context
    }
}
