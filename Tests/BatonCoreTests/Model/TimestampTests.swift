import BatonCore
import BatonTesting
import Testing

@Suite("Timestamps")
struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (999, "1970-01-01T00:00:00.999Z"), (86_399_999, "1970-01-01T23:59:59.999Z"),
        (86_400_000, "1970-01-02T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_078_012_800_000, "2004-02-29T00:00:00.000Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
        (1_795_250_130_123, "2026-11-21T08:35:30.123Z"), (1_000_000_000_000, "2001-09-09T01:46:40.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ])
    func `a moment is written as RFC 3339 with milliseconds, and read back`(milliseconds: Int, text: String) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(time.description == text)
        #expect(Timestamp(text) == time)
    }

    @Test(arguments: [
        ("2026-11-21T08:15:30Z", "2026-11-21T08:15:30.000Z"), ("2026-11-21t08:15:30z", "2026-11-21T08:15:30.000Z"),
        ("2026-11-21T08:15:30.1Z", "2026-11-21T08:15:30.100Z"), ("2026-11-21T08:15:30.12Z", "2026-11-21T08:15:30.120Z"),
        ("2026-11-21T08:15:30.123999999999Z", "2026-11-21T08:15:30.123Z"), ("2026-11-21T08:15:30+00:00", "2026-11-21T08:15:30.000Z"),
        ("2026-11-21T08:15:30+02:00", "2026-11-21T06:15:30.000Z"), ("2026-11-21T08:15:30-05:30", "2026-11-21T13:45:30.000Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"), ("2026-11-21T08:15:30.5-00:00", "2026-11-21T08:15:30.500Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"), ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
    ])
    func `other spellings of RFC 3339 are read`(text: String, same: String) {
        #expect(Timestamp(text)?.description == same)
    }

    @Test(arguments: [
        "", "2026", "2026-11-21", "2026-11-21T08:15Z", "2026-11-21T08:15:30", "2026-11-21 08:15:30Z", "2026-11-21T08:15:30.Z",
        "2026-11-21T08:15:30,5Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-31T00:00:00Z", "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T08:60:00Z", "2026-11-21T08:15:61Z", "2026-11-21T08:15:30+24:00", "2026-11-21T08:15:30+02:60",
        "2026-11-21T08:15:30+0200", "2026-11-21T08:15:30+02", "2026-11-21T08:15:30Zx", "x2026-11-21T08:15:30Z", "+026-11-21T08:15:30Z",
        "2026-11-2１T08:15:30Z",
        "20261121T081530Z", "2026-11-21T08:15:30.123", "2026\u{D}11\u{D}21T08\u{1A}15\u{1A}30Z", "2026-11-21T08:15:30\u{E}5Z",
    ])
    func `any other text is no moment`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func `every day of four hundred years follows the one before it`() {
        var date = (year: 1970, month: 1, day: 1)
        func pad(_ number: Int, _ count: Int) -> String { String(repeating: "0", count: count - "\(number)".count) + "\(number)" }
        for day in 0..<146_097 {
            let text = "\(pad(date.year, 4))-\(pad(date.month, 2))-\(pad(date.day, 2))T00:00:00.000Z"
            let time = Timestamp(milliseconds: day * 86_400_000)
            guard time.description == text, Timestamp(text) == time else {
                Issue.record("day \(day) is \(time.description), not \(text)")
                return
            }
            let isLeap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            date.day += 1
            if date.day > lengths[date.month - 1] { (date.month, date.day) = (date.month + 1, 1) }
            if date.month > 12 { (date.year, date.month) = (date.year + 1, 1) }
        }
        #expect(date == (2370, 1, 1))
    }

    @Test func `any moment comes back as it was, and text sorts as moments do`() {
        var random = SplitMix64(seed: 2)
        let times = (0..<2000).map { _ in Timestamp(milliseconds: Int.random(in: 0...Timestamp.maximum.milliseconds, using: &random)) }
        #expect(times.allSatisfy { Timestamp($0.description) == $0 })
        #expect(times.sorted().map(\.description) == times.map(\.description).sorted())
    }

    @Test func `moments outside of what can be written are written as the nearest that can`() {
        #expect(Timestamp(milliseconds: -1).description == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp(milliseconds: .min).description == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp(milliseconds: .max).description == Timestamp.maximum.description)
        #expect(Timestamp("0000-01-01T00:00:00Z")?.milliseconds == -62_167_219_200_000)
        #expect(Timestamp("1969-12-31T23:59:59.999Z")?.milliseconds == -1)
        #expect(Timestamp("9999-12-31T23:59:60+00:00") != nil)
    }

    @Test func `adding seconds stops at the end of time`() {
        let time = Timestamp(milliseconds: 500)
        #expect(time.adding(seconds: 0) == time)
        #expect(time.adding(seconds: 60).milliseconds == 60_500)
        #expect(time.adding(seconds: SessionDraft.maximumTTL).milliseconds == 3_155_760_000_500)
        #expect(time.adding(seconds: .max) == .maximum)
        #expect(Timestamp(milliseconds: .max).adding(seconds: 1) == .maximum)
        #expect(Timestamp.maximum.adding(seconds: 1) == .maximum)
    }
}
