/// Where a store is, as it is written in configuration.
///
/// `sqlite:PATH` and `sqlite::memory:` are embedded; `http://host:port`, `https://…` and `http+unix:/path` name a daemon.
public enum StoreAddress: Hashable, Sendable, CustomStringConvertible {
    /// An SQLite file.
    case sqlite(path: String)
    /// An SQLite store in memory, gone with the process.
    case memory
    /// A daemon's address.
    case daemon(url: String)

    /// Reads an address.
    /// - Throws: ``StoreError/Code/invalidParameter``, saying what is allowed; passwords are never repeated.
    public init(_ text: String) throws(StoreError) {
        let allowed = "allowed are sqlite:PATH, sqlite::memory: and http(s)://host:port of a daemon"
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
        } else if ["redis:", "rediss:", "redis+sentinel:", "redis+cluster:"].contains(where: lowercased.hasPrefix) {
            throw StoreError(.invalidParameter, "this version keeps sessions in SQLite only; \(allowed)")
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
        case .daemon(let url):
            guard let at = url.lastIndex(of: "@"), let scheme = url.range(of: "://") else { return url }
            return "\(url[..<scheme.upperBound])\(url[url.index(after: at)...])"
        }
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
