/// Which trace something belongs to, and which span caused it: what travels between processes (W3C Trace Context).
public struct TraceContext: Hashable, Sendable, CustomStringConvertible {
    /// The first 8 of the 16 bytes of the trace's id.
    public let traceHigh: UInt64
    /// The last 8 of the 16 bytes of the trace's id.
    public let traceLow: UInt64
    /// The id of the span; never 0.
    public let spanID: UInt64
    /// Bit 0: the span was recorded. Bit 1: the trace's id is random (level 2, §3.2.2.5). The others are 0.
    public let flags: UInt8
    /// What other tracing systems want to be passed on, as `tracestate` says it; empty for nothing.
    public let state: String

    /// The bytes of every `traceparent`.
    public static let traceparentBytes = 55
    /// The most bytes of `tracestate` that are passed on; members that do not fit are left out (§3.3.1.5).
    public static let maximumStateBytes = 512

    init(traceHigh: UInt64, traceLow: UInt64, spanID: UInt64, flags: UInt8, state: String = "") {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.spanID = spanID
        self.flags = flags
        self.state = state
    }

    /// Reads a `traceparent` and the `tracestate` that came with it; `nil` when the first is none. A second that cannot be read is left out (§3.3.1).
    public init?(traceparent: String, tracestate: String? = nil) {
        self.init(traceparent: Array(traceparent.utf8)[...], tracestate: tracestate)
    }

    /// Reads the bytes of a `traceparent`.
    package init?(traceparent bytes: ArraySlice<UInt8>, tracestate: String? = nil) {
        // §3.2.2: version-trace-parent-flags, digits in lower case. A later version may go on behind another hyphen, and 255 is none.
        guard bytes.count >= TraceContext.traceparentBytes else { return nil }
        let at = bytes.startIndex
        guard let version = HexDigits.value(bytes[at..<at + 2]), version != 0xFF, bytes.count == TraceContext.traceparentBytes || version > 0,
            bytes.count == TraceContext.traceparentBytes || bytes[at + TraceContext.traceparentBytes] == 0x2D,
            [2, 35, 52].allSatisfy({ bytes[at + $0] == 0x2D }), let high = HexDigits.value(bytes[at + 3..<at + 19]),
            let low = HexDigits.value(bytes[at + 19..<at + 35]), let span = HexDigits.value(bytes[at + 36..<at + 52]),
            let flags = HexDigits.value(bytes[at + 53..<at + 55]), high | low != 0, span != 0
        else { return nil }
        self.init(
            traceHigh: high, traceLow: low, spanID: span, flags: UInt8(truncatingIfNeeded: flags & 3),
            state: tracestate.map { TraceState.checked($0) } ?? "")
    }

    /// Whether the span was recorded somewhere, so that a link to it leads to something.
    public var isSampled: Bool { flags & 1 != 0 }

    /// The trace's id: 32 hexadecimal digits.
    public var traceID: String {
        var bytes: [UInt8] = []
        appendTraceID(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The span's id: 16 hexadecimal digits.
    public var spanIDText: String {
        var bytes: [UInt8] = []
        HexDigits.append(spanID, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value of `traceparent`.
    public var traceparent: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(TraceContext.traceparentBytes)
        appendTraceparent(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same as ``traceparent``.
    public var description: String { traceparent }

    package func appendTraceID(to bytes: inout [UInt8]) {
        HexDigits.append(traceHigh, to: &bytes)
        HexDigits.append(traceLow, to: &bytes)
    }

    package func appendTraceparent(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: [0x30, 0x30, 0x2D])
        appendTraceID(to: &bytes)
        bytes.append(0x2D)
        HexDigits.append(spanID, to: &bytes)
        bytes.append(contentsOf: [0x2D, 0x30, 0x30 + flags])
    }
}

/// Numbers as hexadecimal digits in lower case, of a fixed length.
package enum HexDigits {
    /// The number that up to 16 digits are; `nil` for anything else.
    package static func value(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(digit - 0x57)
            default: return nil
            }
        }
        return value
    }

    /// Appends the 16 digits of a number.
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { digits in
            for index in 0..<16 {
                digits.initializeElement(at: index, to: digit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15))
            }
            bytes.append(contentsOf: digits)
        }
    }

    /// The digit of a number from 0 to 15.
    static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}

/// The list of `tracestate` (§3.3.1): passed on as it is, when it is one.
enum TraceState {
    /// The most members (§3.3.1.1).
    static let maximumMembers = 32

    /// The list without what is empty in it, and without the members at its end that are too many bytes; empty when anything is wrong with it.
    static func checked(_ text: String) -> String {
        var kept: [UInt8] = []
        var keys: [ArraySlice<UInt8>] = []
        // A list so long is no honest one, and is not worth the time.
        guard text.utf8.count <= 16 << 10 else { return "" }
        for part in Array(text.utf8).split(separator: 0x2C) {
            let member = trimmed(part)
            if member.isEmpty { continue }
            guard let key = key(of: member), !keys.contains(key), keys.count < maximumMembers else { return "" }
            keys.append(key)
            guard kept.count + member.count < TraceContext.maximumStateBytes else { continue }
            if !kept.isEmpty { kept.append(0x2C) }
            kept += member
        }
        return String(decoding: kept, as: UTF8.self)
    }

    private static func trimmed(_ part: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        var part = part.drop(while: isSpace)
        while part.last.map(isSpace) == true { part.removeLast() }
        return part
    }

    /// The key of `key=value`; `nil` when it is none (§3.3.1.3).
    private static func key(of member: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let equals = member.firstIndex(of: 0x3D) else { return nil }
        let (key, value) = (member[..<equals], member[(equals + 1)...])
        guard let first = key.first, isLetterOrDigit(first), key.count <= 256, (1...256).contains(value.count) else { return nil }
        guard key.allSatisfy({ isLetterOrDigit($0) || [0x5F, 0x2D, 0x2A, 0x2F, 0x40].contains($0) }) else { return nil }
        return value.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x2C && $0 != 0x3D } ? key : nil
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
}
