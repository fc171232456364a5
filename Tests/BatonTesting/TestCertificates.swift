internal import Glibc

/// Certificates made for one test, in a directory of their own: an authority, a server it vouches for, a client it vouches for, an
/// expired server, and another authority that vouches for none of them.
public struct TestCertificates: Sendable {
    /// The directory; `remove()` deletes it.
    public let directory: String

    /// PEM file of the authority.
    public var authority: String { "\(directory)/authority.pem" }
    /// PEM file of an authority that vouched for nothing here.
    public var otherAuthority: String { "\(directory)/other.pem" }
    /// Certificate and key for `localhost` and `127.0.0.1`.
    public var server: (certificate: String, key: String) { pair("server") }
    /// Certificate and key for `localhost`, valid in the past only.
    public var expired: (certificate: String, key: String) { pair("expired") }
    /// Certificate and key of a client named `client`.
    public var client: (certificate: String, key: String) { pair("client") }

    /// What a redis-server is started with to show the server's certificate and to trust the authority; it asks clients for none.
    var redisOptions: [String] {
        ["--tls-cert-file", server.certificate, "--tls-key-file", server.key, "--tls-ca-cert-file", authority, "--tls-auth-clients", "no"]
    }

    private func pair(_ name: String) -> (certificate: String, key: String) {
        ("\(directory)/\(name).pem", "\(directory)/\(name).key")
    }

    /// Makes the certificates with the `openssl` command.
    public init() async throws {
        var template = Array("\(String(cString: getenv("TMPDIR") ?? strdup("/tmp")))/baton-certificates-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw ChildProcess.Failure(description: "make a directory: \(String(cString: strerror(errno)))")
        }
        directory = String(cString: made)
        try await makeAuthority("authority")
        try await makeAuthority("other")
        try await make("server", extensions: "subjectAltName=DNS:localhost,IP:127.0.0.1")
        try await make("client", extensions: "extendedKeyUsage=clientAuth")
        // `openssl x509 -req` counts days from now; the `ca` command takes dates.
        try await make("expired", extensions: "subjectAltName=DNS:localhost,IP:127.0.0.1", days: "-1")
    }

    /// Deletes the files.
    public func remove() async {
        _ = try? await ChildProcess.run("rm", ["-rf", directory])
    }

    private func makeAuthority(_ name: String) async throws {
        try await openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=\(name)", "-keyout",
            "\(directory)/\(name).key", "-out", "\(directory)/\(name).pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    }

    private func make(_ name: String, extensions: String, days: String = "2") async throws {
        let base = "\(directory)/\(name)"
        try await openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)", "-keyout", "\(base).key", "-out",
            "\(base).csr", "-addext", extensions)
        try await openssl(
            "x509", "-req", "-in", "\(base).csr", "-CA", authority, "-CAkey", "\(directory)/authority.key", "-days", days, "-copy_extensions",
            "copy", "-out", "\(base).pem")
    }

    private func openssl(_ arguments: String...) async throws {
        let (status, _, errors) = try await ChildProcess.run("openssl", arguments)
        guard status == 0 else { throw ChildProcess.Failure(description: "openssl \(arguments.joined(separator: " ")): \(errors)") }
    }
}
