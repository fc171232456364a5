internal import CBatonPlatform

/// Bytes written as hexadecimal digits.
package enum Hex {
    package static func text(of bytes: some Sequence<UInt8>) -> String {
        let digits: StaticString = "0123456789abcdef"
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits.utf8Start[Int(byte >> 4)])
            text.append(digits.utf8Start[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func bytes(of text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}

/// Randomness of the kernel.
package enum Randomness {
    /// `count` bytes that nobody can guess.
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let code = baton_random_bytes(buffer.baseAddress, count)
            // getrandom(2) with valid arguments fails only on kernels that do not have it.
            precondition(code == 0, "the kernel gives no random bytes: errno \(code)")
            initialized = count
        }
    }

    /// A generation: 16 hexadecimal digits.
    package static func generation() -> String { Hex.text(of: bytes(8)) }

    /// A UUID of version 7 (RFC 9562 §5.7): sorts by the time it was made.
    package static func uuid7(at time: Timestamp) -> String {
        var bytes = bytes(16)
        for index in 0..<6 { bytes[index] = UInt8(truncatingIfNeeded: time.milliseconds >> (40 - 8 * index)) }
        bytes[6] = bytes[6] & 0x0F | 0x70
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = Array(Hex.text(of: bytes))
        return "\(String(hex[0..<8]))-\(String(hex[8..<12]))-\(String(hex[12..<16]))-\(String(hex[16..<20]))-\(String(hex[20..<32]))"
    }
}
