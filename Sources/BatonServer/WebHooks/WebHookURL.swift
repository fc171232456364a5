public import BatonCore
internal import BatonHTTP

/// Where the requests of a web hook go: `https://host[:port][/path][?query]`.
public struct WebHookURL: Sendable, Hashable {
    /// As it was given. Path and query may be secret: it is shown to who asks for the web hook, and in no log.
    public let text: String
    let origin: HTTPURL
    let path: String
    let query: String?

    /// Whether requests are encrypted.
    public var isEncrypted: Bool { origin.isEncrypted }

    /// Reads a URL. The text is not repeated in errors.
    /// - Throws: ``StoreError/Code/invalidField`` saying what is allowed.
    public init(_ text: String) throws(StoreError) {
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard scheme == "https" || scheme == "http", text.dropFirst(scheme.count).hasPrefix("://"), text.utf8.count <= 2048 else {
            throw StoreError(.invalidField, "a web hook's URL begins with https:// (or http://) and has at most 2048 bytes")
        }
        let rest = text.dropFirst(scheme.count + 3)
        let place = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let target = rest.dropFirst(place.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = target.first.map { $0.isEmpty ? "/" : String($0) } ?? "/"
        query = target.count > 1 ? String(target[1]) : nil
        do throws(HTTPError) { origin = try HTTPURL("\(scheme)://\(place)") } catch {
            throw StoreError(.invalidField, "the web hook's URL: \(error.message)")
        }
        guard Request(.post, path, query: query).hasValidTarget else {
            throw StoreError(.invalidField, "the web hook's URL: path and query must be percent-encoded, without fragment")
        }
        self.text = text
    }
}
