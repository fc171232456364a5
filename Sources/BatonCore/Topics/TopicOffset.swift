/// A place in a topic, as readers keep it: the cursor after which reading goes on. Opaque to them; 1 to 2,048 bytes of printable ASCII.
///
/// A topic that is one log has ``Offset``'s form: 16 digits, `_`, 16 digits; such offsets sort as text. One that a storage keeps in several
/// shards has an offset for each of them: `v`, then `shard.milliseconds.seq` in base 36 for every shard that has moved, joined by `~`.
/// How readers merge shards is their own affair, so two such offsets may each be before the other.
public struct TopicOffset: Hashable, Sendable, CustomStringConvertible {
    /// The text that goes to clients and comes back.
    public let text: String

    /// Before everything, in any topic.
    public static let start = TopicOffset(.start)

    /// A text as it came; nothing is checked.
    public init(_ text: String) { self.text = text }

    /// A place in a topic that is one log.
    public init(_ offset: Offset) { self.text = offset.description }

    /// A place in each shard of a topic; those without one have not moved.
    public init(_ places: [TopicPlace]) {
        let parts = places.filter { $0.milliseconds > 0 || $0.seq > 0 }.sorted { $0.shard < $1.shard }
        self.text = "v" + parts.map { $0.text(separatedBy: ".") }.joined(separator: "~")
    }

    /// The text.
    public var description: String { text }

    /// The place in a topic that is one log; `nil` in one of several shards.
    public var single: Offset? { Offset(text) }

    /// The place in each shard that has moved: one in shard 0 for a topic that is one log. `nil` for a text that no storage writes.
    public var places: [TopicPlace]? {
        if let single { return single == .start ? [] : [TopicPlace(shard: 0, milliseconds: single.milliseconds, seq: single.seq)] }
        guard text.utf8.count <= 2048, text.utf8.first == UInt8(ascii: "v") else { return nil }
        var places: [TopicPlace] = []
        for part in text.dropFirst().split(separator: "~") {
            guard let place = TopicPlace(part, separator: "."), (places.last?.shard ?? -1) < place.shard else { return nil }
            places.append(place)
        }
        return places
    }

    /// Whether a reader that stands here has the event behind it.
    public func hasPassed(_ event: TopicEvent) -> Bool {
        if let single, let other = event.offset.single { return (single.milliseconds, single.seq) >= (other.milliseconds, other.seq) }
        guard let places, let place = event.place else { return false }
        return places.contains { $0.shard == place.shard && $0.isAtOrAfter(place) }
    }

    /// Whether a reader that stands here has everything behind it that one at `other` has.
    public func reaches(_ other: TopicOffset) -> Bool {
        if text == other.text { return true }
        if let single, let other = other.single { return (single.milliseconds, single.seq) >= (other.milliseconds, other.seq) }
        guard let places, let others = other.places else { return false }
        return others.allSatisfy { other in places.contains { $0.shard == other.shard && $0.isAtOrAfter(other) } }
    }

    /// The place of a reader that has everything behind it that readers at either place have.
    public func union(_ other: TopicOffset) -> TopicOffset {
        if reaches(other) { return self }
        guard !other.reaches(self), let places, let others = other.places else { return other }
        var furthest: [Int: TopicPlace] = [:]
        for place in places + others { furthest[place.shard] = furthest[place.shard].map { $0.isAtOrAfter(place) ? $0 : place } ?? place }
        return TopicOffset(Array(furthest.values))
    }
}

/// Where an event stands in its shard.
public struct TopicPlace: Hashable, Sendable {
    /// The shard, from 0.
    public var shard: Int
    /// The server's time.
    public var milliseconds: Int
    /// What tells events of one millisecond apart, or the number of the event.
    public var seq: Int

    /// A place of its parts, none negative.
    public init(shard: Int, milliseconds: Int, seq: Int) {
        self.shard = shard
        self.milliseconds = milliseconds
        self.seq = seq
    }

    /// Reads the form `shard-milliseconds-seq`, in base 36.
    public init?(_ text: String) { self.init(text[...], separator: "-") }

    /// The form that is the id of an event in a topic of several shards: `shard-milliseconds-seq`, in base 36.
    public var text: String { text(separatedBy: "-") }

    func text(separatedBy separator: String) -> String {
        [shard, milliseconds, seq].map { String($0, radix: 36) }.joined(separator: separator)
    }

    init?(_ text: Substring, separator: Character) {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        // Signs and capitals would give one place two texts.
        guard parts.count == 3, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && !(0x41...0x5A).contains($0) }),
            let shard = Int(parts[0], radix: 36), let milliseconds = Int(parts[1], radix: 36), let seq = Int(parts[2], radix: 36),
            shard >= 0, milliseconds >= 0, seq >= 0
        else { return nil }
        self.init(shard: shard, milliseconds: milliseconds, seq: seq)
    }

    func isAtOrAfter(_ other: TopicPlace) -> Bool { (milliseconds, seq) >= (other.milliseconds, other.seq) }
}
