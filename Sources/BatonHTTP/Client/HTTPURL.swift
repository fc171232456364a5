public import BatonIO

/// Where a server is: scheme, place, and the path under which everything stands.
public struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
    /// Where to connect.
    public let endpoint: Endpoint
    /// Whether the connection is encrypted.
    public let isEncrypted: Bool
    /// What `Host` says: the host and, unless it is the scheme's default, the port.
    public let authority: String
    /// Put before the path of every request; empty, or begins with `/` and does not end with one.
    public let basePath: String

    /// Reads `http://host[:port][/base]`, `https://…`, `unix:/path/to/socket`, or `http+unix://%2Fpath%2Fto%2Fsocket[/base]`.
    ///
    /// - Throws: `invalidURL` saying what is allowed. The text is not repeated: it may hold a password.
    public init(_ text: String) throws(HTTPError) {
        let lowered = text.prefix(12).lowercased()
        if lowered.hasPrefix("unix:") {
            endpoint = try Self.socket(String(text.dropFirst(5)))
            isEncrypted = false
            authority = "localhost"
            basePath = ""
            return
        }
        let schemeLength: Int
        if lowered.hasPrefix("http://") {
            schemeLength = 7
        } else if lowered.hasPrefix("https://") {
            schemeLength = 8
        } else if lowered.hasPrefix("http+unix://") {
            schemeLength = 12
        } else {
            throw Self.invalid("a URL begins with http://, https:// or unix:")
        }
        isEncrypted = schemeLength == 8
        let rest = text.utf8.dropFirst(schemeLength)
        let place = rest.prefix { $0 != 0x2f && $0 != 0x3f && $0 != 0x23 }
        var path = Array(rest[place.endIndex...])
        while path.last == 0x2f { path.removeLast() }
        guard path.allSatisfy({ ByteClass.target.contains($0) && $0 != 0x3f }) else {
            throw Self.invalid("the path must be percent-encoded, without query and fragment")
        }
        basePath = String(decoding: path, as: UTF8.self)
        if schemeLength == 12 {
            endpoint = try Self.socket(try PercentEncoding.decode(bytes: place))
            authority = "localhost"
            return
        }
        guard !place.contains(0x40) else { throw Self.invalid("user and password do not belong into a URL; give the token as an option") }
        let bytes = Array(place)
        guard !bytes.isEmpty, let checked = try? Authority.validate(bytes.span, 0..<bytes.count), checked.first != ":" else {
            throw Self.invalid("the host must be a name or address with an optional port")
        }
        (endpoint, authority) = try Self.split(checked, isEncrypted ? 443 : 80)
    }

    /// The form that `init(_:)` reads.
    public var description: String {
        if case .address(.unix(let path)) = endpoint {
            return basePath.isEmpty ? "unix:\(path)" : "http+unix://\(PercentEncoding.encode(path))\(basePath)"
        }
        return "\(isEncrypted ? "https" : "http")://\(authority)\(basePath)"
    }

    private static func split(_ authority: String, _ defaultPort: UInt16) throws(HTTPError) -> (Endpoint, String) {
        var host = authority[...]
        var port = defaultPort
        if let colon = authority.utf8.lastIndex(of: 0x3a), authority.utf8.last != 0x5d {
            host = authority[..<colon]
            let digits = authority[authority.index(after: colon)...]
            if !digits.isEmpty {
                guard let number = UInt16(digits), number > 0 else { throw invalid("the port must be 1 to 65535") }
                port = number
            }
        }
        let name = host.first == "[" ? host.dropFirst().dropLast() : host
        return (Endpoint(host: String(name), port: port), port == defaultPort ? String(host) : "\(host):\(port)")
    }

    private static func socket(_ path: String) throws(HTTPError) -> Endpoint {
        do {
            return .address(try SocketAddress("unix:\(path)"))
        } catch {
            throw HTTPError(.invalidURL, error.message)
        }
    }

    private static func invalid(_ message: String) -> HTTPError { HTTPError(.invalidURL, message) }
}
