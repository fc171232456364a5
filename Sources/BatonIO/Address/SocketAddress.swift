internal import CBatonPlatform
internal import Glibc

/// Where a socket is: an IPv4 or IPv6 address with port, or the path of a Unix socket.
public enum SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 address in network byte order, and a port.
    case ipv4(UInt32, port: UInt16)
    /// The two halves of an IPv6 address as big-endian numbers, a port, and a scope (interface index, 0 for none).
    case ipv6(high: UInt64, low: UInt64, port: UInt16, scope: UInt32)
    /// A path in the file system; at most 107 bytes (sun_path of unix(7)).
    case unix(String)

    /// `127.0.0.1` with `port`.
    public static func loopback(port: UInt16) -> SocketAddress {
        .ipv4(UInt32(0x7F00_0001).bigEndian, port: port)
    }

    /// All addresses of this machine, IPv6 and IPv4.
    public static func any(port: UInt16) -> SocketAddress {
        .ipv6(high: 0, low: 0, port: port, scope: 0)
    }

    /// Reads `127.0.0.1:4437`, `[::1]:80`, `:4437` (all addresses), `unix:/path`. No name is looked up.
    ///
    /// - Throws: `invalidAddress` with what is allowed.
    public init(_ text: String) throws(IOError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count <= Self.maximumPathLength, !path.utf8.contains(0) else {
                throw IOError(.invalidAddress, "\"\(text)\": a Unix socket's path has 1 to \(Self.maximumPathLength) bytes")
            }
            self = .unix(path)
            return
        }
        let (host, port) = try Self.split(text)
        if host.isEmpty {
            self = .any(port: port)
        } else if let address = SocketAddress(numericHost: host, port: port) {
            self = address
        } else {
            throw IOError(.invalidAddress, "\"\(text)\": expected 127.0.0.1:4437, [::1]:4437, :4437 or unix:/path")
        }
    }

    /// A numeric IPv4 or IPv6 address without brackets; `nil` when `host` is a name.
    public init?(numericHost host: String, port: UInt16) {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            self = .ipv4(four.s_addr, port: port)
            return
        }
        // A link-local address may name its interface: fe80::1%eth0 (RFC 4007 section 11).
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        var six = in6_addr()
        guard let address = parts.first, inet_pton(AF_INET6, String(address), &six) == 1 else { return nil }
        var scope: UInt32 = 0
        if parts.count == 2 {
            scope = UInt32(parts[1]) ?? if_nametoindex(String(parts[1]))
            guard scope != 0 else { return nil }
        }
        self = Self.ipv6(six, port: port, scope: scope)
    }

    /// The port; `nil` for a Unix socket.
    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, _, let port, _): port
        case .unix: nil
        }
    }

    /// The numeric address without port and brackets, or the path.
    public var host: String {
        switch self {
        case .ipv4(let address, _):
            var value = in_addr(s_addr: address)
            return withUnsafeBytes(of: &value) { bytes in bytes.baseAddress.map { Self.presentation(AF_INET, $0) } ?? "" }
        case .ipv6(let high, let low, _, let scope):
            var value = Self.in6(high: high, low: low)
            let text = withUnsafeBytes(of: &value) { bytes in bytes.baseAddress.map { Self.presentation(AF_INET6, $0) } ?? "" }
            return scope == 0 ? text : "\(text)%\(scope)"
        case .unix(let path):
            return path
        }
    }

    /// The form `init(_:)` reads.
    public var description: String {
        switch self {
        case .ipv4(_, let port): "\(host):\(port)"
        case .ipv6(_, _, let port, _): "[\(host)]:\(port)"
        case .unix: "unix:\(host)"
        }
    }

    static let maximumPathLength = 107

    /// Splits `host:port` or `[host]:port`.
    static func split(_ text: String) throws(IOError) -> (host: String, port: UInt16) {
        let invalid = IOError(.invalidAddress, "\"\(text)\": expected host:port with a port from 0 to 65535, such as 127.0.0.1:4437 or [::1]:4437")
        guard let colon = text.lastIndex(of: ":") else { throw invalid }
        let digits = text[text.index(after: colon)...]
        var host = text[..<colon]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else { throw invalid }
        if host.hasPrefix("["), host.hasSuffix("]"), host.count > 2 {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") || host.contains("[") || host.contains("]") {
            throw invalid
        }
        return (String(host), port)
    }

    private static func in6(high: UInt64, low: UInt64) -> in6_addr {
        var value = in6_addr()
        withUnsafeMutableBytes(of: &value) { bytes in
            bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return value
    }

    private static func ipv6(_ address: in6_addr, port: UInt16, scope: UInt32) -> SocketAddress {
        withUnsafeBytes(of: address) { bytes in
            .ipv6(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)), port: port, scope: scope)
        }
    }

    private static func presentation(_ family: Int32, _ address: UnsafeRawPointer) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let start = text.baseAddress, inet_ntop(family, address, start, 64) != nil else { return "" }
            return String(cString: start)
        }
    }
}

extension SocketAddress {
    /// The address family of socket(2).
    var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// Calls `body` with the address as the system spells it.
    func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr_storage>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        let length = withUnsafeMutableBytes(of: &storage) { bytes -> Int in
            switch self {
            case .ipv4(let address, let port):
                var value = sockaddr_in()
                value.sin_family = sa_family_t(AF_INET)
                value.sin_port = port.bigEndian
                value.sin_addr.s_addr = address
                bytes.storeBytes(of: value, as: sockaddr_in.self)
                return MemoryLayout<sockaddr_in>.size
            case .ipv6(let high, let low, let port, let scope):
                var value = sockaddr_in6()
                value.sin6_family = sa_family_t(AF_INET6)
                value.sin6_port = port.bigEndian
                value.sin6_addr = Self.in6(high: high, low: low)
                value.sin6_scope_id = scope
                bytes.storeBytes(of: value, as: sockaddr_in6.self)
                return MemoryLayout<sockaddr_in6>.size
            case .unix(let path):
                bytes.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
                let kept = path.utf8.prefix(Self.maximumPathLength)
                let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
                UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]).copyBytes(from: kept)
                return offset + kept.count + 1
            }
        }
        return body(&storage, socklen_t(length))
    }

    /// The address in `storage`; `nil` for a family other than the three.
    init?(_ storage: sockaddr_storage, length: Int) {
        let address: SocketAddress? = withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET:
                let value = bytes.loadUnaligned(as: sockaddr_in.self)
                return .ipv4(value.sin_addr.s_addr, port: UInt16(bigEndian: value.sin_port))
            case AF_INET6:
                let value = bytes.loadUnaligned(as: sockaddr_in6.self)
                return Self.ipv6(value.sin6_addr, port: UInt16(bigEndian: value.sin6_port), scope: value.sin6_scope_id)
            case AF_UNIX:
                let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
                // The unnamed end of a Unix connection has no path at all.
                let path = length > offset ? bytes[offset..<length].prefix { $0 != 0 } : bytes[offset..<offset]
                return .unix(String(decoding: path, as: UTF8.self))
            default:
                return nil
            }
        }
        guard let address else { return nil }
        self = address
    }

    /// The address of one end of `descriptor`.
    static func of(_ descriptor: Int32, peer: Bool) -> SocketAddress? {
        var storage = sockaddr_storage()
        let length = baton_socket_address(descriptor, peer ? 1 : 0, &storage)
        guard length >= 0 else { return nil }
        return SocketAddress(storage, length: Int(length))
    }
}
