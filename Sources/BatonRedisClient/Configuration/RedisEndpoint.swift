/// Where a server listens: a host name or address with a port, or the path of a Unix socket.
public enum RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name or numeric address, without brackets, and a port.
    case host(String, port: UInt16)
    /// The path of a Unix socket.
    case unix(String)

    /// The form that ``init(_:defaultPort:)`` reads.
    public var description: String {
        switch self {
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// The host name, which is what a certificate has to name; nil for a Unix socket.
    var hostName: String? {
        if case .host(let host, _) = self { host } else { nil }
    }

    /// Whether what is sent there never leaves this machine: a Unix socket, or a name or address of the loopback interface.
    public var isLocal: Bool {
        switch self {
        case .unix: true
        case .host(let host, _): host.lowercased() == "localhost" || host == "::1" || host.hasPrefix("127.")
        }
    }

    private static let foreign = Array("/@[]".utf8)

    /// Reads `host`, `host:port`, `[::1]:port`, `::1` or `unix:/path`.
    /// - Throws: ``RedisError`` with the code `invalidConfiguration`.
    public init(_ text: some StringProtocol, defaultPort: UInt16 = 6379) throws(RedisError) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst(5)
            guard !path.isEmpty else { throw RedisError(.invalidConfiguration, "unix: needs the path of a socket after it") }
            self = .unix(String(path))
            return
        }
        let host: String
        let port: String?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else {
                throw RedisError(.invalidConfiguration, "the address \"\(text)\" lacks its closing bracket")
            }
            host = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else {
                throw RedisError(.invalidConfiguration, "after the bracket of \"\(text)\" only :port may follow")
            }
            port = rest.isEmpty ? nil : String(rest.dropFirst())
        } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
            host = String(text[..<colon])
            port = String(text[text.index(after: colon)...])
        } else {
            // No colon at all, or several: a bare IPv6 address.
            host = String(text)
            port = nil
        }
        guard !host.isEmpty else { throw RedisError(.invalidConfiguration, "a host name is missing") }
        // A bracket in the middle belongs to an address that was not closed, or to none.
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && !Self.foreign.contains($0) }) else {
            throw RedisError(.invalidConfiguration, "a host name holds a character that none can have")
        }
        guard let port else {
            self = .host(host, port: defaultPort)
            return
        }
        guard let number = UInt16(port), number > 0, port.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") <= 9 }) else {
            throw RedisError(.invalidConfiguration, "the port of \"\(host)\" must be a number from 1 to 65535")
        }
        self = .host(host, port: number)
    }
}
