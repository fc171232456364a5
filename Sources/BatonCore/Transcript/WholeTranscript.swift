/// A stretch of events as a model may see it: no tool call without its result, no result without its call.
///
/// Models refuse a conversation with half a tool round, and a worker that dies between the two leaves one. A call counts as answered when its result follows
/// within the stretch; an event with one call that has no answer is an orphan, and so are then the answers to its other calls.
public struct WholeTranscript: Hashable, Sendable {
    /// An event that is only half of something.
    public struct Orphan: Hashable, Sendable {
        /// The event's id.
        public var id: String
        /// Its place.
        public var seq: Int
        /// Calls that it makes and nobody answers.
        public var unansweredCalls: [String]
        /// Answers that it gives to calls that are not there.
        public var strayResults: [String]

        /// An orphan of its parts.
        public init(id: String, seq: Int, unansweredCalls: [String], strayResults: [String]) {
            self.id = id
            self.seq = seq
            self.unansweredCalls = unansweredCalls
            self.strayResults = strayResults
        }
    }

    /// The events that are whole, in their order.
    public private(set) var events: [Event] = []
    /// The others, in their order.
    public private(set) var orphans: [Orphan] = []

    /// Sorts out a stretch of events, oldest first. Cost: linear in the events and the rounds that fall apart one after the other.
    public init(_ stretch: [Event]) {
        let references = stretch.map { ToolReferences(of: $0) }
        var dropped: [Int: Orphan] = [:]
        while true {
            let found = WholeTranscript.orphans(stretch, references, without: dropped)
            if found.isEmpty { break }
            dropped.merge(found) { first, _ in first }
        }
        for (index, event) in stretch.enumerated() {
            if let orphan = dropped[index] { orphans.append(orphan) } else { events.append(event) }
        }
    }

    /// Events that are not whole when those in `dropped` are left out.
    private static func orphans(_ stretch: [Event], _ references: [ToolReferences], without dropped: [Int: Orphan]) -> [Int: Orphan] {
        var rounds = ToolRounds()
        for index in stretch.indices where dropped[index] == nil { rounds.take(references[index], at: index) }
        var found: [Int: Orphan] = [:]
        func orphan(_ index: Int) -> Orphan {
            found[index] ?? Orphan(id: stretch[index].id, seq: stretch[index].seq, unansweredCalls: [], strayResults: [])
        }
        for (index, id) in rounds.strays {
            var entry = orphan(index)
            entry.strayResults.append(id)
            found[index] = entry
        }
        for (index, id) in rounds.unanswered {
            var entry = orphan(index)
            entry.unansweredCalls.append(id)
            found[index] = entry
        }
        return found
    }
}

/// Pairs calls with results while events go by: a result answers the open call with its id, and a call is open from its event on until it is answered.
///
/// Frameworks that number calls anew in each turn use one id many times, so an id alone does not pair.
struct ToolRounds {
    private var open: [[UInt8]: (place: Int, id: String)] = [:]
    /// Results without an open call: where, and which.
    private(set) var strays: [(place: Int, id: String)] = []
    private var reopened: [(place: Int, id: String)] = []

    /// Takes the next event's references.
    mutating func take(_ references: ToolReferences, at place: Int) {
        for id in references.results where open.removeValue(forKey: Array(id.utf8)) == nil { strays.append((place, id)) }
        for id in references.calls {
            // The same id again while it is open: the first one will never be answered.
            if let first = open.updateValue((place, id), forKey: Array(id.utf8)) { reopened.append(first) }
        }
    }

    /// Whether every call was answered.
    var isClosed: Bool { open.isEmpty && reopened.isEmpty }

    /// Calls that nobody answered, in the order of their events.
    var unanswered: [(place: Int, id: String)] { (reopened + open.values).sorted { $0.place < $1.place } }
}
