import BatonRedisClient

@testable import BatonCLI
@testable import BatonCore
@testable import BatonHTTP

/// Reads a text as everything that has a text form. What was read is written so that it is read again as the same, and two places compare as places do.
enum PlacesTarget {
    static func run(_ bytes: [UInt8]) throws(Violation) {
        let parts = bytes.split(separator: 0, omittingEmptySubsequences: false).prefix(3).map { String(decoding: $0, as: UTF8.self) }
        for text in parts { try read(text) }
        guard let first = parts.first, let second = parts.dropFirst().first else { return }
        try compare(TopicOffset(first), TopicOffset(second))
    }

    private static func read(_ text: String) throws(Violation) {
        if let offset = Offset(text) { try Violation.unless(offset.description == text, "one offset has one text: \(text)") }
        if let cursor = try? Cursor(text) { try Violation.unless(cursor.seq >= 0, "no cursor is before the start: \(text)") }
        if let place = TopicPlace(text) {
            try Violation.unless(TopicPlace(place.text) == place, "a place is written as it is read: \(text)")
        }
        if let places = TopicOffset(text).places {
            try Violation.unless(
                TopicOffset(places).places == places.filter { $0.milliseconds > 0 || $0.seq > 0 }, "places are written as they are read: \(text)")
        }
        if let time = Timestamp(text), time.milliseconds >= 0, time <= .maximum {
            try Violation.unless(Timestamp(time.description) == time, "a time is written as it is read: \(text)")
        }
        if let durability = try? Durability(text) {
            try Violation.unless((try? Durability(durability.description)) == durability, "a durability is written as it is read: \(text)")
        }
        if let duration = Duration(argument: text) {
            try Violation.unless(Duration(argument: duration.argument) == duration, "a duration is written as it is read: \(text)")
        }
        if let size = ByteSize(argument: text) {
            try Violation.unless(ByteSize(argument: size.argument) == size, "a size is written as it is read: \(text)")
        }
        if let id = StreamID(text) { try Violation.unless(StreamID(id.description) == id, "an ID is written as it is read: \(text)") }
        if let bytes = Hex.bytes(of: text) { try Violation.unless(Hex.text(of: bytes) == text, "digits are written as they are read") }
        if let name = try? Name.checked(text, "name") { _ = try? SessionKey(app: name, user: name, id: name) }
        for order in SessionQuery.Order.allCases {
            guard let position = try? SessionQuery.Position(cursor: text, order: order) else { continue }
            try Violation.unless(
                (try? SessionQuery.Position(cursor: position.cursor(for: order), order: order)) == position, "a cursor is written as it is read")
        }
        _ = HTTPDate.unixSecond(text)
        _ = TopicCursor(argument: text)
    }

    private static func compare(_ a: TopicOffset, _ b: TopicOffset) throws(Violation) {
        try Violation.unless(a.reaches(a), "a place reaches itself: \(a)")
        guard let (one, other) = (a.single == nil) == (b.single == nil) ? (a, b) : nil, one.places != nil, other.places != nil else { return }
        let both = one.union(other)
        try Violation.unless(both.reaches(one) && both.reaches(other), "the union of places reaches both: \(one) and \(other)")
    }
}
