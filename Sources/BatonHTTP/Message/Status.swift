/// A response status (RFC 9110 §15).
public struct Status: Sendable, Hashable, CustomStringConvertible, ExpressibleByIntegerLiteral {
    /// The three-digit number.
    public let code: UInt16

    /// A status from its number; what is not 100 to 999 becomes 500.
    public init(_ code: Int) {
        self.code = (100...999).contains(code) ? UInt16(code) : 500
    }

    /// A status from its number; what is not 100 to 999 becomes 500.
    public init(integerLiteral value: Int) { self.init(value) }

    /// The number and the reason phrase.
    public var description: String { "\(code) \(reason)" }

    /// Whether the status is 1xx.
    public var isInformational: Bool { code < 200 }
    /// Whether the status is 2xx.
    public var isSuccess: Bool { (200..<300).contains(code) }

    /// RFC 9112 §6.3: these are complete after their head, whatever their fields say.
    var forbidsBody: Bool { code < 200 || code == 204 || code == 304 }

    /// The phrase of the IANA registry, for people reading the wire.
    public var reason: StaticString {
        switch code {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 425: "Too Early"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Unknown"
        }
    }
}
