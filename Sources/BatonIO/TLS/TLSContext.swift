internal import CBatonTLS
internal import Synchronization

/// Certificates and rules that connections share. Sendable: OpenSSL counts references to `pointer` and locks what it changes once
/// set up; `sessions` is behind a lock.
final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    private let sessions = Mutex<[String: Ticket]>([:])

    /// A reference to a session of OpenSSL's, released with it.
    private final class Ticket: @unchecked Sendable {
        let pointer: OpaquePointer

        init(_ pointer: OpaquePointer) { self.pointer = pointer }

        deinit { SSL_SESSION_free(pointer) }
    }

    private static let maximumSessions = 64

    init(isServer: Bool) throws(IOError) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else { throw Self.error("set up TLS") }
        self.pointer = pointer
        guard baton_tls_prepare(pointer) == 1 else { throw Self.error("set up TLS") }
        baton_tls_cache_sessions(pointer, isServer ? 0 : 1)
        baton_tls_refuse_passwords(pointer)
        guard !isServer else { return }
        SSL_CTX_sess_set_new_cb(pointer) { session, ticket in
            guard let session, let ticket, let context = SSL_get_ex_data(session, 0) else { return 0 }
            return Unmanaged<TLSSession>.fromOpaque(context).takeUnretainedValue().keep(ticket) ? 1 : 0
        }
    }

    deinit {
        SSL_CTX_free(pointer)
    }

    /// Loads a PEM chain (the leaf first) and its key.
    func use(_ identity: TLSIdentity) throws(IOError) {
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(pointer, identity.certificateChain) == 1 else {
            throw Self.error("load the certificate chain \(identity.certificateChain)", hint: "a PEM file, the server's certificate first")
        }
        guard SSL_CTX_use_PrivateKey_file(pointer, identity.privateKey, SSL_FILETYPE_PEM) == 1 else {
            throw Self.error("load the private key \(identity.privateKey)", hint: "an unencrypted PEM file, for that certificate")
        }
        guard SSL_CTX_check_private_key(pointer) == 1 else {
            throw Self.error("use the private key \(identity.privateKey)", hint: "it does not belong to \(identity.certificateChain)")
        }
    }

    /// Trusts the authorities of a PEM file and no others; nil trusts those of the system.
    func trust(authorities: String?) throws(IOError) {
        ERR_clear_error()
        if let authorities {
            guard SSL_CTX_load_verify_file(pointer, authorities) == 1 else {
                throw Self.error("load the certificate authorities \(authorities)", hint: "a PEM file with at least one certificate")
            }
        } else if SSL_CTX_set_default_verify_paths(pointer) != 1 {
            throw Self.error("load the system's certificate authorities")
        }
    }

    // MARK: Sessions to come back with

    func keep(_ ticket: OpaquePointer, for key: String) {
        let ticket = Ticket(ticket)
        sessions.withLock { sessions in
            // Which of too many goes does not matter: losing one costs a full handshake.
            if sessions.count >= Self.maximumSessions, sessions[key] == nil, let other = sessions.keys.first { sessions[other] = nil }
            sessions[key] = ticket
        }
    }

    /// Lets `session` resume what an earlier one with the same key left.
    func resume(_ session: OpaquePointer, for key: String) {
        guard let ticket = sessions.withLock({ $0[key] }) else { return }
        SSL_set_session(session, ticket.pointer)
    }

    // MARK: Errors

    /// What OpenSSL says about the last failure of this thread, without file names and numbers of its own.
    static func reason() -> String {
        let code = ERR_get_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return "TLS failed" }
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "TLS error \(code)"
    }

    static func error(_ action: String, hint: String? = nil) -> IOError {
        IOError(.tls, "\(action): \(reason())\(hint.map { "; \($0)" } ?? "")")
    }
}

/// A certificate with its key, in files.
public struct TLSIdentity: Sendable, Hashable {
    /// Path of a PEM file: the certificate, then those that lead to an authority.
    public var certificateChain: String
    /// Path of a PEM file with the unencrypted private key.
    public var privateKey: String

    /// The files of one identity.
    public init(certificateChain: String, privateKey: String) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}
