/// Whole numbers as decimal text, read and written without going through `String`.
enum Decimal {
    /// Reads an optionally signed decimal number that fills all of `bytes`; nil when it does not or does not fit.
    static func integer(in bytes: Span<UInt8>) -> Int64? {
        guard !bytes.isEmpty else { return nil }
        let isNegative = bytes[0] == UInt8(ascii: "-")
        let start = isNegative || bytes[0] == UInt8(ascii: "+") ? 1 : 0
        guard bytes.count > start, bytes.count - start <= 19 else { return nil }
        var value: Int64 = 0
        for index in start..<bytes.count {
            // Wraps below zero for anything under "0", so that one comparison finds every foreign byte.
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            // Counted downwards when negative, because Int64.min has no positive counterpart.
            let (sum, carry) =
                isNegative ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// Reads a decimal number without sign that fills all of `bytes`; nil when it does not or does not fit.
    static func unsigned(in bytes: Span<UInt8>) -> UInt64? {
        guard !bytes.isEmpty, bytes.count <= 20 else { return nil }
        var value: UInt64 = 0
        for index in 0..<bytes.count {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// Appends a number's digits to `bytes`.
    static func append(_ value: Int64, to bytes: inout [UInt8]) {
        if value >= 0 && value < 10 {
            bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value))
            return
        }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(magnitude: value.magnitude, to: &bytes)
    }

    /// Appends the digits of a number without sign to `bytes`.
    static func append(magnitude: UInt64, to bytes: inout [UInt8]) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var count = 0
        var rest = magnitude
        repeat {
            digits[count] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            count += 1
        } while rest > 0
        while count > 0 {
            count -= 1
            bytes.append(digits[count])
        }
    }

    /// How many digits a number without sign has.
    static func digits(of magnitude: UInt64) -> Int {
        var rest = magnitude
        var count = 1
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }
}
