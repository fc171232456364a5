/// What a client connects to: an address, or a host name with a port that is looked up each time.
public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// A known address.
    case address(SocketAddress)
    /// A name to look up, and a port.
    case host(String, port: UInt16)

    /// A name or a numeric address (an IPv6 address without brackets), and a port.
    public init(host: String, port: UInt16) {
        if let address = SocketAddress(numericHost: host, port: port) {
            self = .address(address)
        } else {
            self = .host(host, port: port)
        }
    }

    /// Reads `example.org:443`, `127.0.0.1:4437`, `[::1]:80`, `unix:/path`.
    ///
    /// - Throws: `invalidAddress`.
    public init(_ text: String) throws(IOError) {
        if text.hasPrefix("unix:") {
            self = .address(try SocketAddress(text))
            return
        }
        let (host, port) = try SocketAddress.split(text)
        guard !host.isEmpty else { throw IOError(.invalidAddress, "\"\(text)\": a host name or address has to stand before the port") }
        self.init(host: host, port: port)
    }

    /// The form `init(_:)` reads.
    public var description: String {
        switch self {
        case .address(let address): address.description
        case .host(let host, let port): "\(host):\(port)"
        }
    }

    /// The name or numeric address that a certificate has to be for; nil for a Unix socket.
    public var host: String? {
        switch self {
        case .address(.unix): nil
        case .address(let address): address.host
        case .host(let host, _): host
        }
    }
}
