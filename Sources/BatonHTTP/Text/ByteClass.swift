#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The character classes of RFC 9110 and RFC 3986 that framing and routing depend on, as 128-bit sets.
struct ByteClass: Sendable {
    private let low: UInt64
    private let high: UInt64

    private init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// RFC 9110 §5.6.2 `tchar`: what methods and field names are made of.
    static let token = ByteClass(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
    /// Visible ASCII but `#`: a request target carries no fragment (RFC 9112 §3.2), no space, no control, nothing beyond ASCII.
    static let target = ByteClass(low: 0xffff_fff6_0000_0000, high: 0x7fff_ffff_ffff_ffff)
    /// RFC 3986 `reg-name` without sub-delims, which no host uses and proxies read in different ways.
    static let host = ByteClass(low: 0x03ff_6020_0000_0000, high: 0x47ff_fffe_87ff_fffe)
    /// RFC 3986 §2.3 `unreserved`: what percent-encoding leaves alone.
    static let unreserved = ByteClass(low: 0x03ff_6000_0000_0000, high: 0x47ff_fffe_87ff_fffe)

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? low : high
        return byte < 128 && (word >> UInt64(byte & 63)) & 1 == 1
    }

    /// RFC 9110 §5.5 `field-content`: visible, obs-text, space and tab. CR, LF and NUL must be refused; so are the other controls.
    @inline(__always)
    static func isFieldContent(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7f : byte == 0x09
    }
}

extension UInt8 {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let comma: UInt8 = 0x2c
    static let colon: UInt8 = 0x3a
    static let semicolon: UInt8 = 0x3b

    @inline(__always)
    var isWhitespace: Bool { self == .space || self == .tab }

    @inline(__always)
    var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    @inline(__always)
    var isDigit: Bool { self &- 0x30 < 10 }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    var hexValue: UInt8? {
        if self &- 0x30 < 10 { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }
}

extension Span<UInt8> {
    /// The first `byte` in `range`, which must lie inside the span.
    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        extracting(range).withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, let found = memchr(start, Int32(byte), bytes.count) else { return nil }
            return range.lowerBound + (UnsafeRawPointer(found) - start)
        }
    }

    /// Whether `range` holds exactly `text`, ASCII letters compared without case.
    func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { expected in
            for offset in 0..<expected.count where self[range.lowerBound + offset].lowercased != expected[offset].lowercased { return false }
            return true
        }
    }

    /// `range` without the spaces and tabs around it (RFC 9110 §5.6.3 OWS).
    func trimmingWhitespace(_ range: Range<Int>) -> Range<Int> {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high, self[low].isWhitespace { low += 1 }
        while high > low, self[high - 1].isWhitespace { high -= 1 }
        return low..<high
    }

    /// The bytes of `range` as text; what is not UTF-8 is replaced.
    func string(_ range: Range<Int>) -> String {
        extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}

extension [UInt8] {
    /// Appends the bytes of `range`.
    @inline(__always)
    mutating func append(_ span: Span<UInt8>, _ range: Range<Int>) {
        span.extracting(range).withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    /// Appends ASCII text that is known when the program is built.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }

    /// Appends `number` in decimal.
    mutating func append(decimal number: Int) {
        guard number >= 10 else {
            append(UInt8(truncatingIfNeeded: 0x30 &+ Swift.max(number, 0)))
            return
        }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var rest = number
        var start = 20
        while rest > 0 {
            start -= 1
            digits[start] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        }
        for index in start..<20 { append(digits[index]) }
    }

    /// Appends `number` in hexadecimal.
    mutating func append(hexadecimal number: Int) {
        var shift = 60
        while shift > 0, number >> shift == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: (number >> shift) & 0xf)
            append(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
            shift -= 4
        }
    }
}
