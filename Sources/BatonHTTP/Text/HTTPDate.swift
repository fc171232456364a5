/// Times in the format of RFC 9110 §5.6.7; `Date` is written at most once a second.
public struct HTTPDate: Sendable {
    private var second: Int = .min
    private var text: [UInt8] = []

    /// `Sun, 06 Nov 1994 08:49:37 GMT` for a Unix time.
    mutating func bytes(at unixSecond: Int) -> [UInt8] {
        if unixSecond != second {
            second = unixSecond
            text = Self.format(unixSecond)
        }
        return text
    }

    /// The Unix time that `text` says; `nil` when it is not in the form `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not read:
    /// no server has written them for decades.
    public static func unixSecond(_ text: String) -> Int? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = number(words[1], 1...31), let year = number(words[3], 1970...9999),
            let month = months.firstIndex(of: String(words[2]))
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = number(clock[0], 0...23), let minute = number(clock[1], 0...59), let second = number(clock[2], 0...60)
        else { return nil }
        // Days since 1 March of year 0, as in `format`.
        let shiftedYear = month < 2 ? year - 1 : year
        let yearOfEra = shiftedYear % 400
        let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + day - 1
        let days = shiftedYear / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86400 + hour * 3600 + minute * 60 + second
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number) else { return nil }
        return number
    }

    static func format(_ unixSecond: Int) -> [UInt8] {
        let days = unixSecond >= 0 ? unixSecond / 86400 : (unixSecond - 86399) / 86400
        let secondOfDay = unixSecond - days * 86400
        // Days since 1 March of year 0 in the proleptic Gregorian calendar, in eras of 400 years: leap days come last in each cycle.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let weekday = ((days % 7) + 11) % 7

        var text: [UInt8] = []
        text.reserveCapacity(29)
        text.append(contentsOf: "SunMonTueWedThuFriSat".utf8.dropFirst(weekday * 3).prefix(3))
        text.append(", ")
        text.append(twoDigits: day)
        text.append(.space)
        text.append(contentsOf: "JanFebMarAprMayJunJulAugSepOctNovDec".utf8.dropFirst((month - 1) * 3).prefix(3))
        text.append(.space)
        text.append(twoDigits: year / 100)
        text.append(twoDigits: year % 100)
        text.append(.space)
        text.append(twoDigits: secondOfDay / 3600)
        text.append(.colon)
        text.append(twoDigits: secondOfDay / 60 % 60)
        text.append(.colon)
        text.append(twoDigits: secondOfDay % 60)
        text.append(" GMT")
        return text
    }
}

extension [UInt8] {
    fileprivate mutating func append(twoDigits number: Int) {
        append(UInt8(truncatingIfNeeded: 0x30 + number / 10 % 10))
        append(UInt8(truncatingIfNeeded: 0x30 + number % 10))
    }
}
