/// A request method (RFC 9110 §9).
public struct Method: Sendable, Hashable, CustomStringConvertible {
    /// The method as it stands on the wire. Methods are case-sensitive.
    public let description: String

    /// A method of any name; a server of this module only ever sees the ones in ``supported``.
    public init(_ name: String) { description = name }

    /// `GET`
    public static let get = Method("GET")
    /// `HEAD`
    public static let head = Method("HEAD")
    /// `POST`
    public static let post = Method("POST")
    /// `PUT`
    public static let put = Method("PUT")
    /// `PATCH`
    public static let patch = Method("PATCH")
    /// `DELETE`
    public static let delete = Method("DELETE")
    /// `OPTIONS`
    public static let options = Method("OPTIONS")

    /// What the parser hands to a handler; everything else it answers itself.
    public static let supported: [Method] = [.get, .head, .post, .put, .patch, .delete, .options]

    /// RFC 9110 §9.2.2: repeating the request has the effect of sending it once.
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .options, .put, .delete: true
        default: false
        }
    }

    static func parse(_ span: Span<UInt8>, _ range: Range<Int>) throws(HTTPError) -> Method {
        // One comparison by length first: parsing a method allocates nothing.
        switch range.count {
        case 3:
            if span.isExactly(range, "GET") { return .get }
            if span.isExactly(range, "PUT") { return .put }
        case 4:
            if span.isExactly(range, "POST") { return .post }
            if span.isExactly(range, "HEAD") { return .head }
        case 5:
            if span.isExactly(range, "PATCH") { return .patch }
            // RFC 9110 §9.3.8: known and refused, because it would send credentials back.
            if span.isExactly(range, "TRACE") { throw HTTPError(.unsupported, "TRACE is not allowed", status: 405) }
        case 6:
            if span.isExactly(range, "DELETE") { return .delete }
        case 7:
            if span.isExactly(range, "OPTIONS") { return .options }
        default: break
        }
        // RFC 9110 §9.1: a method that is not recognised is answered 501. CONNECT is one of them: this is no proxy.
        throw HTTPError(.unsupported, "method \(span.string(range.prefix(32))) is not implemented", status: 501)
    }
}

extension Range<Int> {
    func prefix(_ count: Int) -> Range<Int> { lowerBound..<Swift.min(upperBound, lowerBound + count) }
}

extension Span<UInt8> {
    /// Whether `range` holds exactly `text`, with case.
    func isExactly(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { expected in
            for offset in 0..<expected.count where self[range.lowerBound + offset] != expected[offset] { return false }
            return true
        }
    }
}
