public import BatonIO

/// A request that was read whole.
public struct Request: Sendable {
    /// The method.
    public var method: Method
    /// The path as it was sent, percent-encoded, beginning with `/`; `*` for `OPTIONS *`.
    public var path: String
    /// The query as it was sent, without `?`; nil when there was none.
    public var rawQuery: String?
    /// The host the client asked for, with its port when it gave one: from an absolute target, else from `Host` (RFC 9112 §3.2.2).
    public var host: String
    /// The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1 and later minors.
    public var minorVersion: Int
    /// The header fields.
    public var headers: Headers
    /// The body, its transfer coding removed.
    public var body: [UInt8]
    /// The client's address.
    public var peer: SocketAddress?
    /// The subject of the certificate that the client showed and an authority vouched for.
    public var clientCertificateSubject: String?

    /// Creates a request, for tests and for handlers that rewrite one.
    public init(_ method: Method, _ path: String, query: String? = nil, headers: Headers = [:], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.rawQuery = query
        self.host = ""
        self.minorVersion = 1
        self.headers = headers
        self.body = body
    }

    /// Whether path and query may stand in a request line: percent-encoded, the path beginning with `/`.
    public var hasValidTarget: Bool {
        path.utf8.first == 0x2f && path.utf8.allSatisfy { ByteClass.target.contains($0) && $0 != 0x3f }
            && rawQuery?.utf8.allSatisfy(ByteClass.target.contains) ?? true
    }

    /// The percent-decoded components between the slashes of the path; `/` has one, which is empty.
    ///
    /// - Throws: `HTTPError` with code `invalidEncoding` naming the component.
    public func pathComponents() throws(HTTPError) -> [String] {
        var components: [String] = []
        for (index, component) in path.utf8.dropFirst().split(separator: 0x2f, omittingEmptySubsequences: false).enumerated() {
            do throws(HTTPError) {
                components.append(try PercentEncoding.decode(bytes: component))
            } catch {
                throw HTTPError(error.code, "path component \(index + 1): \(error.message)", status: 400)
            }
        }
        return components
    }

    /// The decoded query parameters.
    ///
    /// - Throws: `HTTPError` with code `invalidEncoding` naming the parameter.
    public func query() throws(HTTPError) -> Query {
        try Query(parsing: rawQuery ?? "")
    }
}

extension Request: CustomStringConvertible {
    /// Method, path and size; neither query nor fields, which may carry secrets.
    public var description: String { "\(method) \(path) (\(body.count) bytes)" }
}
