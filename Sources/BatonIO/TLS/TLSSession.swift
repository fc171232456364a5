internal import CBatonTLS
internal import Glibc

/// One encrypted connection: OpenSSL on the channel's own descriptor. Belongs to the loop's thread.
final class TLSSession {
    private let session: OpaquePointer
    /// Kept as long as sessions made from it can be reported to it.
    private let context: TLSContext
    /// Under which name a client keeps the session for the next connection; nil on a server.
    let resumptionKey: String?
    /// An error after which OpenSSL must not be asked to say goodbye (SSL_shutdown(3)).
    private var isBroken = false

    init(_ context: TLSContext, resumptionKey: String? = nil) throws(IOError) {
        guard let session = SSL_new(context.pointer) else { throw TLSContext.error("make a TLS session") }
        self.session = session
        self.context = context
        self.resumptionKey = resumptionKey
        SSL_set_ex_data(session, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        SSL_free(session)
    }

    /// For settings that only one side has.
    var pointer: OpaquePointer { session }

    func attach(to descriptor: Int32) -> Bool {
        SSL_set_fd(session, descriptor) == 1
    }

    /// Goes on with the handshake; `.count` once it is complete.
    func handshake() -> Channel.Transfer {
        ERR_clear_error()
        return transfer(SSL_do_handshake(session))
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Channel.Transfer {
        ERR_clear_error()
        return transfer(SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count)))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Channel.Transfer {
        // Writing nothing is undefined for SSL_write.
        guard !bytes.isEmpty else { return .count(0) }
        ERR_clear_error()
        let transfer = transfer(SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count)))
        if case .needsWriting = transfer { return .wouldBlock }
        return transfer
    }

    /// Whether input has been taken from the socket that was not handed out yet.
    var hasBufferedInput: Bool { SSL_has_pending(session) == 1 }

    /// Tells the peer that nothing more comes (close_notify). Does not wait for its answer.
    func end() {
        guard !isBroken, SSL_is_init_finished(session) == 1 else { return }
        ERR_clear_error()
        _ = SSL_shutdown(session)
        ERR_clear_error()
    }

    /// The subject of the peer's verified certificate, as RFC 2253 writes it.
    var peerSubject: String? {
        guard let certificate = SSL_get0_peer_certificate(session), SSL_get_verify_result(session) == Int(X509_V_OK),
            let output = BIO_new(BIO_s_mem())
        else { return nil }
        defer { BIO_free(output) }
        guard baton_tls_print_name(output, X509_get_subject_name(certificate)) >= 0 else { return nil }
        var text = [UInt8](repeating: 0, count: 1024)
        let count = BIO_read(output, &text, Int32(text.count))
        return count > 0 ? String(decoding: text[..<Int(count)], as: UTF8.self) : nil
    }

    /// Whether keys of an earlier session were used.
    var isResumed: Bool { baton_tls_reused(session) == 1 }

    private func transfer(_ result: Int32) -> Channel.Transfer {
        guard result <= 0 else { return .count(Int(result)) }
        let failure = errno
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .needsReading
        case SSL_ERROR_WANT_WRITE: return .needsWriting
        case SSL_ERROR_ZERO_RETURN: return .end
        case SSL_ERROR_SYSCALL:
            isBroken = true
            return .failed(failure == 0 ? Self.truncated : IOError(errorNumber: failure, while: "TLS"))
        default:
            isBroken = true
            return .failed(protocolError())
        }
    }

    /// An end without close_notify could have been made by anybody on the way (RFC 8446 section 6.1): not an orderly end of input.
    private static let truncated = IOError(.reset, "TLS: the peer ended the connection without saying so (no close_notify)")

    private func protocolError() -> IOError {
        let code = ERR_peek_error()
        if ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING { return Self.truncated }
        var message = TLSContext.reason()
        let verification = SSL_get_verify_result(session)
        if verification != Int(X509_V_OK), ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED {
            message += ": " + (X509_verify_cert_error_string(verification).map { String(cString: $0) } ?? "error \(verification)")
        }
        return IOError(.tls, message)
    }

    /// Called by OpenSSL when a server has given a client something to come back with.
    func keep(_ ticket: OpaquePointer) -> Bool {
        guard let resumptionKey else { return false }
        context.keep(ticket, for: resumptionKey)
        return true
    }
}
