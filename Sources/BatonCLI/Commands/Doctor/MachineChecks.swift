internal import BatonIO

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What the machine gives to a process.
enum MachineChecks {
    static func findings() -> [Finding] { [descriptors()] }

    private static func descriptors() -> Finding {
        do throws(IOError) {
            let limit = try ProcessLimits.raiseDescriptorLimit()
            guard limit < 4096 else { return .ok("descriptors", "\(limit) may be open at once") }
            return .warning(
                "descriptors", "only \(limit) may be open at once, and each connection and follower is one",
                do: "Raise the limit: ulimit -Hn, or LimitNOFILE= of the service.")
        } catch {
            return .warning("descriptors", error.message, do: "Look at: ulimit -n")
        }
    }
}

/// What a daemon with these options would stumble over.
struct ServeChecks {
    private let invocation: Invocation

    init(_ invocation: Invocation) { self.invocation = invocation }

    func findings() -> [Finding] {
        var findings: [Finding] = []
        if let certificate = invocation[ServeOptions.certificate], let key = invocation[ServeOptions.key] {
            findings.append(tls(certificate, key))
            if let warning = privacy("TLS key", key) { findings.append(warning) }
        } else if invocation[ServeOptions.certificate] != nil || invocation[ServeOptions.key] != nil {
            findings.append(.error("TLS", "only one of --tls-cert and --tls-key is given", do: "Give both, or neither.", exitCode: .usage))
        }
        if let file = invocation[CommonOptions.tokenFile], let warning = privacy("token file", file) { findings.append(warning) }
        return findings
    }

    private func tls(_ certificate: String, _ key: String) -> Finding {
        let clients: TLSServerContext.ClientCertificates =
            invocation[ServeOptions.clientAuthorities].map { .required(authorities: $0) } ?? .ignored
        do throws(IOError) {
            _ = try TLSServerContext(
                identity: TLSIdentity(certificateChain: certificate, privateKey: key), clientCertificates: clients)
            return .ok("TLS", "certificate and key can be used")
        } catch {
            return .error("TLS", error.message, do: "Correct --tls-cert, --tls-key or --tls-client-ca.")
        }
    }

    /// A warning when others than the owner can read a file that holds a secret.
    private func privacy(_ what: String, _ path: String) -> Finding? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { return nil }
        return .warning(what, "others than its owner can reach \(path)", do: "chmod 600 \(path)")
    }
}

/// What is left on the disk of a file.
enum DiskSpace {
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func finding(at path: String) -> Finding {
        var status = statvfs()
        guard statvfs(directory(of: path), &status) == 0 else {
            return .warning("disk", "cannot be examined: \(String(cString: strerror(errno)))", do: "Look at the mount.")
        }
        let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        let free = overflow ? Int.max : bytes
        switch free {
        case ..<(16 << 20): return .error("disk", "\(ByteSize.text(free)) are free", do: "Make room: writes will be refused.")
        case ..<(1 << 30): return .warning("disk", "\(ByteSize.text(free)) are free", do: "Make room before it is full.")
        default: return .ok("disk", "\(ByteSize.text(free)) are free")
        }
    }
}

/// A number of bytes for people.
extension ByteSize {
    static func text(_ bytes: Int) -> String {
        switch bytes {
        case ..<(10 << 10): "\(bytes) bytes"
        case ..<(10 << 20): "\(bytes >> 10) KiB"
        default: "\(bytes >> 20) MiB"
        }
    }
}
