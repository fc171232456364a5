internal import BatonRedisClient

/// Where a store is, as it is written in configuration.
///
/// `sqlite:PATH` and `sqlite::memory:` are embedded; `redis://host:port` and its kin (`rediss`, `valkey`, `+sentinel`, `+cluster`, `+unix`) name
/// servers that many share; `http://host:port`, `https://…` and `http+unix:/path` name a daemon.
public enum StoreAddress: Hashable, Sendable, CustomStringConvertible {
    /// An SQLite file.
    case sqlite(path: String)
    /// An SQLite store in memory, gone with the process.
    case memory
    /// Redis or Valkey: one server, one found through Sentinels, or a cluster.
    case redis(url: String)
    /// A daemon's address.
    case daemon(url: String)

    /// Reads an address.
    /// - Throws: ``StoreError/Code/invalidParameter``, saying what is allowed; passwords are never repeated.
    public init(_ text: String) throws(StoreError) {
        let allowed = "allowed are sqlite:PATH, sqlite::memory:, redis://host:port and http(s)://host:port of a daemon"
        guard !text.isEmpty else { throw StoreError(.invalidParameter, "the store's address is empty; \(allowed)") }
        let lowercased = text.lowercased()
        if lowercased == "sqlite::memory:" || lowercased == "memory:" {
            self = .memory
        } else if lowercased.hasPrefix("sqlite:") {
            // sqlite:/abs, sqlite:rel, and the URL forms sqlite:///abs and sqlite://rel are read alike.
            var path = text.dropFirst("sqlite:".count)
            if path.hasPrefix("//") { path = path.dropFirst(2) }
            guard !path.isEmpty else { throw StoreError(.invalidParameter, "sqlite: needs the path of a file, such as sqlite:baton.db") }
            guard !path.utf8.contains(0) else { throw StoreError(.invalidParameter, "the path of an SQLite file cannot contain NUL") }
            self = .sqlite(path: String(path))
        } else if lowercased.hasPrefix("http://") || lowercased.hasPrefix("https://") || lowercased.hasPrefix("http+unix:") {
            self = .daemon(url: text)
        } else if let scheme = StoreAddress.schemeWithoutHost(lowercased) {
            throw StoreError(
                .invalidParameter, "'\(scheme):' has to be followed by two slashes and a host, such as \(scheme)://localhost; \(allowed)")
        } else if lowercased.hasPrefix("redis") || lowercased.hasPrefix("valkey") || lowercased.hasPrefix("unix://") {
            do throws(RedisError) { _ = try RedisConfiguration(text) } catch { throw StoreError(.invalidParameter, error.message) }
            self = .redis(url: text)
        } else {
            let scheme = text.prefix { $0 != ":" && $0 != "/" }
            throw StoreError(.invalidParameter, "'\(scheme.prefix(20))' is no kind of store that is known; \(allowed)")
        }
    }

    /// The address, without anything secret.
    public var description: String {
        switch self {
        case .sqlite(let path): return "sqlite:\(path)"
        case .memory: return "sqlite::memory:"
        case .daemon(let url): return StoreAddress.withoutLogin(url)
        // Options may hold the password of Sentinels.
        case .redis(let url): return StoreAddress.withoutLogin(url.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "")
        }
    }

    /// The scheme of `redis:/host` and its like. A host may have such a name, but then a port stands behind it.
    private static func schemeWithoutHost(_ text: String) -> Substring? {
        let scheme = text.prefix { $0 != ":" }
        let rest = text.dropFirst(scheme.count)
        guard ["redis", "rediss", "valkey", "valkeys", "http", "https"].contains(scheme), !rest.isEmpty, !rest.hasPrefix("://") else { return nil }
        return rest.dropFirst().prefix { $0 != "," }.allSatisfy(\.isNumber) && rest.count > 1 ? nil : scheme
    }

    private static func withoutLogin(_ url: String) -> String {
        guard let at = url.lastIndex(of: "@"), let scheme = url.range(of: "://") else { return url }
        return "\(url[..<scheme.upperBound])\(url[url.index(after: at)...])"
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
