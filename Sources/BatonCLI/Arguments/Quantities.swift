/// A duration: whole numbers with units, the largest first, as in `1h30m` or `250ms`.
extension Duration: ArgumentValue {
    static var expectation: String { "a duration such as 250ms, 30s, 5m, 1h30m or 7d" }

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    init?(argument: String) {
        guard let parts = Quantity.parts(of: argument) else { return nil }
        if parts.count == 1, parts[0].number == 0, parts[0].unit.isEmpty {
            self = .zero
            return
        }
        var total: Int64 = 0
        var smallest = Int64.max
        for part in parts {
            guard let unit = Self.units.first(where: { $0.name == part.unit }), unit.milliseconds < smallest else { return nil }
            smallest = unit.milliseconds
            let (milliseconds, tooLarge) = part.number.multipliedReportingOverflow(by: unit.milliseconds)
            let (sum, overflow) = total.addingReportingOverflow(milliseconds)
            guard !tooLarge, !overflow else { return nil }
            total = sum
        }
        self = .milliseconds(total)
    }

    var argument: String {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        var rest = overflow ? Int64.max : whole &+ attoseconds / 1_000_000_000_000_000
        if rest == 0 { return "0s" }
        var text = ""
        for unit in Self.units where rest / unit.milliseconds > 0 {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text
    }
}

/// A number of bytes: `8MiB`, `64kB`, or a plain number.
struct ByteSize: ArgumentValue, Equatable, Comparable {
    let bytes: Int

    static var expectation: String { "a size such as 4096, 64kB or 8MiB" }
    static var configurationTypes: [ConfigurationValue.Kind] { [.string, .integer] }

    private static let units: [(name: String, bytes: Int64)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("B", 1), ("", 1),
    ]

    init(bytes: Int) { self.bytes = bytes }

    static func mebibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count << 20) }
    static func kibibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count << 10) }

    static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

    init?(argument: String) {
        guard let parts = Quantity.parts(of: argument), parts.count == 1,
            let unit = Self.units.first(where: { $0.name.lowercased() == parts[0].unit.lowercased() })
        else { return nil }
        let (bytes, overflow) = parts[0].number.multipliedReportingOverflow(by: unit.bytes)
        guard !overflow else { return nil }
        self.bytes = Int(bytes)
    }

    /// The largest binary unit that divides it, else plain bytes.
    var argument: String {
        for unit in Self.units.prefix(3) where bytes > 0 && bytes % Int(unit.bytes) == 0 { return "\(bytes / Int(unit.bytes))\(unit.name)" }
        return String(bytes)
    }
}

private enum Quantity {
    /// Splits `1h30m` into numbers and the letters after each; nil when it does not start with a digit or a number is too large.
    static func parts(of text: String) -> [(number: Int64, unit: String)]? {
        var parts: [(number: Int64, unit: String)] = []
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty, let number = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(letters.count)
            parts.append((number, String(letters)))
        }
        return parts.isEmpty ? nil : parts
    }
}
