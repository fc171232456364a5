/// Reads URLs. What is accepted:
/// ```
/// redis[s]://[user:password@]host[:6379][/database]
/// redis[s]+sentinel://[user:password@]host[:26379],…/primary[/database]
/// redis[s]+cluster://[user:password@]host[:6379],…
/// redis+unix://[user:password@]/path/of/socket
/// ```
/// with `valkey` for `redis` everywhere, and options behind `?`.
enum RedisURL {
    static func configuration(_ text: String) throws(RedisError) -> RedisConfiguration {
        guard let separator = text.firstRange(of: "://") else { throw invalid("a URL begins with a scheme such as redis://") }
        let (kind, encrypted) = try scheme(text[..<separator.lowerBound])
        var rest = text[separator.upperBound...]
        if let fragment = rest.firstIndex(of: "#") {
            throw invalid("a # at character \(text.distance(from: text.startIndex, to: fragment) + 1) must be written %23")
        }
        var query: Substring?
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        var path: Substring = ""
        // A password may hold a slash that should have been escaped; the last @ before the path ends the user part.
        let authorityEnd = rest.lastIndex(of: "@") ?? rest.startIndex
        if let slash = rest[authorityEnd...].firstIndex(of: "/") {
            path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
        }
        var login: RedisLogin?
        if let at = rest.lastIndex(of: "@") {
            login = try self.login(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        var configuration = RedisConfiguration(try topology(kind, hosts: rest, path: &path))
        if let login { configuration.credentials = .login(login) }
        if encrypted { configuration.tls = RedisConfiguration.TLS() }
        if !path.isEmpty {
            guard kind != .cluster else { throw invalid("a cluster has no database number, but the path says one") }
            configuration.database = try database(path)
        }
        try RedisOption.read(query ?? "", into: &configuration)
        try configuration.validate()
        return configuration
    }

    private enum Kind { case standalone, sentinel, cluster, unix }

    private static func scheme(_ text: Substring) throws(RedisError) -> (Kind, encrypted: Bool) {
        let known = "redis, rediss, redis+unix, redis+sentinel, rediss+sentinel, redis+cluster, rediss+cluster"
        // A connection string whose password holds "://" comes here too, so only what looks like a scheme is repeated.
        guard text.utf8.count <= 20, text.utf8.allSatisfy({ (0x61...0x7A).contains($0 | 0x20) || $0 == UInt8(ascii: "+") }) else {
            throw invalid("what stands before :// is no scheme; expected one of \(known)")
        }
        let name = text.lowercased()
        let parts = name.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        let encrypted: Bool
        switch parts[0] {
        case "redis", "valkey": encrypted = false
        case "rediss", "valkeys": encrypted = true
        case "unix" where parts.count == 1: return (.unix, false)
        default: throw invalid("the scheme \"\(name)\" is not known; expected one of \(known)")
        }
        guard parts.count == 2 else { return (.standalone, encrypted) }
        switch parts[1] {
        case "sentinel": return (.sentinel, encrypted)
        case "cluster": return (.cluster, encrypted)
        case "unix", "socket":
            guard !encrypted else { throw invalid("TLS over a Unix socket is not offered; use redis+unix://") }
            return (.unix, false)
        default: throw invalid("the scheme \"\(name)\" is not known; expected one of \(known)")
        }
    }

    private static func login(_ text: Substring) throws(RedisError) -> RedisLogin? {
        guard let colon = text.firstIndex(of: ":") else {
            // "redis://name@host" cannot be told from a password without user; both have been meant.
            throw invalid("the user part before @ must be user:password or :password")
        }
        let user = try decode(text[..<colon], of: "the user name")
        let password = try decode(text[text.index(after: colon)...], of: "the password")
        if user.isEmpty, password.isEmpty { return nil }
        guard !password.isEmpty else { throw invalid("the password after user: is empty") }
        return RedisLogin(user: user.isEmpty ? nil : user, password: password)
    }

    private static func topology(_ kind: Kind, hosts: Substring, path: inout Substring) throws(RedisError) -> RedisConfiguration.Topology {
        switch kind {
        case .unix:
            guard hosts.isEmpty else { throw invalid("redis+unix:// takes no host; write the path with three slashes: redis+unix:///run/redis.sock") }
            guard !path.isEmpty else { throw invalid("redis+unix:// needs the path of a socket") }
            let socket = try decode(path, of: "the socket's path")
            path = ""
            return .standalone([.unix("/" + socket)])
        case .standalone:
            let endpoints = try self.endpoints(hosts.isEmpty ? "127.0.0.1" : hosts, defaultPort: 6379)
            return .standalone(endpoints)
        case .cluster:
            return .cluster(try endpoints(hosts, defaultPort: 6379))
        case .sentinel:
            let endpoints = try self.endpoints(hosts, defaultPort: 26379)
            let slash = path.firstIndex(of: "/") ?? path.endIndex
            let primary = try decode(path[..<slash], of: "the primary's name")
            guard !primary.isEmpty else {
                throw invalid("the name of the primary is missing after the hosts: redis+sentinel://host:26379/NAME")
            }
            path = slash == path.endIndex ? "" : path[path.index(after: slash)...]
            return .sentinel(primary: primary, endpoints)
        }
    }

    private static func endpoints(_ hosts: Substring, defaultPort: UInt16) throws(RedisError) -> [RedisEndpoint] {
        var list: [RedisEndpoint] = []
        for host in hosts.split(separator: ",", omittingEmptySubsequences: false) {
            list.append(try RedisEndpoint(try decode(host, of: "a host name"), defaultPort: defaultPort))
        }
        return list
    }

    private static func database(_ path: Substring) throws(RedisError) -> Int {
        let digits = path.hasSuffix("/") ? path.dropLast() : path
        guard digits.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") <= 9 }), let number = Int(digits) else {
            throw invalid("the path must be the number of a database, such as /0")
        }
        return number
    }

    static func decode(_ text: Substring, of part: String) throws(RedisError) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hex), let low = rest.popFirst().flatMap(hex) else {
                throw invalid("\(part) holds a % without two hexadecimal digits after it; write %25 for the character itself")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw invalid("\(part) is not UTF-8 once its % are decoded") }
        return decoded
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    static func invalid(_ message: String) -> RedisError { RedisError(.invalidConfiguration, "Redis URL: \(message)") }
}

extension Substring.UTF8View {
    fileprivate mutating func popFirst() -> UInt8? {
        guard let byte = first else { return nil }
        self = dropFirst()
        return byte
    }
}
