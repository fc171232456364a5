/// RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`.
enum UTCTimestamp {
    static func append(_ milliseconds: Int64, to line: inout [UInt8]) {
        let days = floorDivide(milliseconds, 86_400_000)
        let rest = milliseconds &- days &* 86_400_000
        let (year, month, day) = civil(fromDays: days)
        append(year, width: 4, to: &line)
        line.append(UInt8(ascii: "-"))
        append(month, width: 2, to: &line)
        line.append(UInt8(ascii: "-"))
        append(day, width: 2, to: &line)
        line.append(UInt8(ascii: "T"))
        append(rest / 3_600_000, width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(rest / 60_000 % 60, width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(rest / 1000 % 60, width: 2, to: &line)
        line.append(UInt8(ascii: "."))
        append(rest % 1000, width: 3, to: &line)
        line.append(UInt8(ascii: "Z"))
    }

    /// The Gregorian date of a day counted from 1970-01-01: years start in March, so the leap day comes last and months have
    /// a linear rule; 400 years are 146097 days.
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days &+ 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted &- era &* 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0), month, day)
    }

    private static func append(_ number: Int64, width: Int, to line: inout [UInt8]) {
        let digits = String(number)
        for _ in 0..<max(0, width - digits.utf8.count) { line.append(UInt8(ascii: "0")) }
        line.append(contentsOf: digits.utf8)
    }

    private static func floorDivide(_ number: Int64, _ divisor: Int64) -> Int64 {
        let quotient = number / divisor
        return number % divisor < 0 ? quotient - 1 : quotient
    }
}
