internal import CBatonTLS

/// Whom a client trusts, and what it shows. The server's certificate has to be valid and for the host that was asked for. TLS 1.2 or
/// later; sessions are resumed.
public final class TLSClientContext: Sendable {
    private let context: TLSContext
    private let serverName: String?

    /// Loads the files, which blocks for as long as reading them takes.
    ///
    /// - Parameters:
    ///   - authorities: path of a PEM file with the authorities to trust, and no others; nil trusts those of the system.
    ///   - identity: shown to servers that ask for a certificate.
    ///   - serverName: the name or IP address the certificate has to be for, in place of the endpoint's host.
    /// - Throws: `tls` with the file and what is wrong with it.
    public init(authorities: String? = nil, identity: TLSIdentity? = nil, serverName: String? = nil) throws(IOError) {
        context = try TLSContext(isServer: false)
        self.serverName = serverName
        try context.trust(authorities: authorities)
        if let identity { try context.use(identity) }
        SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
    }

    func session(for endpoint: Endpoint) throws(IOError) -> TLSSession {
        guard let name = serverName ?? endpoint.host, !name.isEmpty else {
            throw IOError(.tls, "TLS to \(endpoint): a server name is needed to check the certificate; give one to the TLS context")
        }
        // The trust is part of the context, the name part of the key: a session is only resumed where it was verified.
        let key = "\(name) \(endpoint)"
        let session = try TLSSession(context, resumptionKey: key)
        let pointer = session.pointer
        SSL_set_connect_state(pointer)
        if let address = SocketAddress(numericHost: name, port: 0) {
            guard X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(pointer), address.host) == 1 else { throw TLSContext.error("check for \(name)") }
        } else {
            SSL_set_hostflags(pointer, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            // Server name indication is for names only, not addresses (RFC 6066 section 3).
            guard baton_tls_set_server_name(pointer, name) == 1, SSL_set1_host(pointer, name) == 1 else {
                throw TLSContext.error("check for \(name)")
            }
        }
        context.resume(pointer, for: key)
        return session
    }
}
