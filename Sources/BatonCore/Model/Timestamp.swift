/// A moment in milliseconds since 1970-01-01 UTC, written as RFC 3339 with milliseconds.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let milliseconds: Int

    /// A moment by its milliseconds since 1970.
    public init(milliseconds: Int) { self.milliseconds = milliseconds }

    /// The last moment that the text form can say: the end of the year 9999.
    public static let maximum = Timestamp(milliseconds: 253_402_300_799_999)

    /// Orders by time.
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

    /// The moment this many milliseconds later; at most ``maximum``.
    public func adding(milliseconds: Int) -> Timestamp {
        let (sum, overflow) = self.milliseconds.addingReportingOverflow(milliseconds)
        return overflow ? .maximum : min(Timestamp(milliseconds: sum), .maximum)
    }

    /// The moment `seconds` later, at most ``maximum``.
    public func adding(seconds: Int) -> Timestamp {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, overflowed) = milliseconds.addingReportingOverflow(product)
        return overflow || overflowed ? .maximum : min(Timestamp(milliseconds: sum), .maximum)
    }

    /// `2026-11-21T08:15:30.123Z`.
    public var description: String {
        String(unsafeUninitializedCapacity: 24) { buffer in
            write(to: buffer)
            return 24
        }
    }

    /// Writes the 24 bytes of the text form.
    func write(to buffer: UnsafeMutableBufferPointer<UInt8>) {
        let clamped = Swift.min(Swift.max(milliseconds, 0), Timestamp.maximum.milliseconds)
        let (days, inDay) = clamped.quotientAndRemainder(dividingBy: 86_400_000)
        let date = CivilDate(daysSince1970: days)
        func put(_ number: Int, _ digits: Int, at start: Int) {
            var rest = number
            for index in stride(from: start + digits - 1, through: start, by: -1) {
                buffer[index] = UInt8(48 + rest % 10)
                rest /= 10
            }
        }
        put(date.year, 4, at: 0)
        buffer[4] = UInt8(ascii: "-")
        put(date.month, 2, at: 5)
        buffer[7] = UInt8(ascii: "-")
        put(date.day, 2, at: 8)
        buffer[10] = UInt8(ascii: "T")
        put(inDay / 3_600_000, 2, at: 11)
        buffer[13] = UInt8(ascii: ":")
        put(inDay / 60_000 % 60, 2, at: 14)
        buffer[16] = UInt8(ascii: ":")
        put(inDay / 1000 % 60, 2, at: 17)
        buffer[19] = UInt8(ascii: ".")
        put(inDay % 1000, 3, at: 20)
        buffer[23] = UInt8(ascii: "Z")
    }

    /// Reads RFC 3339: date, `T`, time, an optional fraction, and `Z` or an offset. Digits beyond milliseconds are cut.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int? {
            guard start + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[start..<start + count] {
                guard byte >= 48, byte < 58 else { return nil }
                value = value * 10 + Int(byte - 48)
            }
            return value
        }
        // RFC 3339 §5.6: `T` and `Z` may be small, which is one bit more. In other bytes the bit makes another character.
        func has(_ character: Unicode.Scalar, at index: Int) -> Bool {
            guard index < bytes.count else { return false }
            return bytes[index] == UInt8(ascii: character) || (character.properties.isAlphabetic && bytes[index] == UInt8(ascii: character) | 0x20)
        }
        guard let year = number(0, 4), has("-", at: 4), let month = number(5, 2), has("-", at: 7), let day = number(8, 2), has("T", at: 10),
            let hour = number(11, 2), has(":", at: 13), let minute = number(14, 2), has(":", at: 16), let second = number(17, 2),
            (1...12).contains(month), day >= 1, day <= CivilDate.days(in: month, of: year), hour < 24, minute < 60, second < 61
        else { return nil }
        var index = 19
        var milliseconds = 0
        if has(".", at: index) {
            index += 1
            var scale = 100
            let start = index
            while index < bytes.count, bytes[index] >= 48, bytes[index] < 58 {
                milliseconds += Int(bytes[index] - 48) * scale
                scale /= 10
                index += 1
            }
            guard index > start else { return nil }
        }
        var offsetMinutes = 0
        if has("Z", at: index) {
            index += 1
        } else {
            guard index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-"),
                let hours = number(index + 1, 2), has(":", at: index + 3), let minutes = number(index + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offsetMinutes = (hours * 60 + minutes) * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
            index += 6
        }
        guard index == bytes.count else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSince1970
        self.init(milliseconds: ((days * 24 + hour) * 60 + minute - offsetMinutes) * 60_000 + second * 1000 + milliseconds)
    }
}

/// A date of the proleptic Gregorian calendar. Years are counted from 1 March, so that the leap day is the last day of a year
/// and 400 years are always 146,097 days.
private struct CivilDate {
    var year: Int
    var month: Int
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(daysSince1970: Int) {
        let shifted = daysSince1970 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSince1970: Int {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
