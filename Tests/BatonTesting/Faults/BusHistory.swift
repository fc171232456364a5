public import BatonCore

/// What processes did to a store while they and its server were killed and stopped, and what is there in the end.
///
/// Every process writes a line for each thing it did, as soon as it did it, so that a killed one has left all but its last moment. Times are
/// nanoseconds of the machine's monotonic clock, which all processes share. ``violations()`` holds it against what the store promises.
public struct BusHistory: Sendable {
    /// An event that a store said to have stored.
    public struct Written: Hashable, Sendable {
        /// The topic, or the path of the session.
        public var log: String
        /// The event's own name, which no other has: `writer-number`.
        public var name: String
        /// The place that it was given.
        public var seq: Int

        /// An acknowledged write.
        public init(log: String, name: String, seq: Int) {
            self.log = log
            self.name = name
            self.seq = seq
        }
    }

    /// An event in the hands of a consumer.
    public struct HandOut: Hashable, Sendable {
        /// The group.
        public var group: String
        /// Who got it.
        public var consumer: String
        /// The delivery's id.
        public var id: String
        /// The delivery's token; a group gives each once, and they only go up.
        public var token: Int
        /// The event's own name.
        public var name: String
        /// When the consumer asked for it; `nil` when that is not known, and neither is when the lease began.
        public var asked: Int?
        /// When it had it.
        public var answered: Int

        /// A hand-out of its parts.
        public init(group: String, consumer: String, id: String, token: Int, name: String, asked: Int?, answered: Int) {
            self.group = group
            self.consumer = consumer
            self.id = id
            self.token = token
            self.name = name
            self.asked = asked
            self.answered = answered
        }
    }

    /// What a consumer said about an event.
    public struct Word: Hashable, Sendable {
        /// What it said.
        public enum Action: String, Hashable, Sendable { case acknowledge, giveBack, extend }

        /// The group.
        public var group: String
        /// The delivery's id.
        public var id: String
        /// The delivery's token.
        public var token: Int
        /// What it said.
        public var action: Action
        /// When it said so.
        public var asked: Int
        /// When it was told what came of it; `nil` when it never heard.
        public var answered: Int?
        /// Whether it took effect, as far as the consumer heard.
        public var isDone: Bool

        /// A word of its parts.
        public init(group: String, id: String, token: Int, action: Action, asked: Int, answered: Int?, isDone: Bool) {
            self.group = group
            self.id = id
            self.token = token
            self.action = action
            self.asked = asked
            self.answered = answered
            self.isDone = isDone
        }
    }

    /// An event that is in a log in the end.
    public struct Stored: Hashable, Sendable {
        /// The event's own name.
        public var name: String
        /// Its place.
        public var seq: Int
        /// What it happened to.
        public var key: String

        /// A stored event.
        public init(name: String, seq: Int, key: String) {
            self.name = name
            self.seq = seq
            self.key = key
        }
    }

    /// A log in the end.
    public struct Log: Hashable, Sendable {
        /// Its events, in its order.
        public var events: [Stored]
        /// Whether the oldest may be missing, because the log keeps no more.
        public var isTrimmed: Bool

        /// A log of its events.
        public init(events: [Stored], isTrimmed: Bool = false) {
            self.events = events
            self.isTrimmed = isTrimmed
        }
    }

    /// What an event led to, once for each time that it took effect.
    public struct Effect: Hashable, Sendable {
        /// The event's own name.
        public var name: String
        /// The id of the delivery.
        public var id: String

        /// An effect of its parts.
        public init(name: String, id: String) {
            self.name = name
            self.id = id
        }
    }

    /// A group in the end.
    public struct Group: Hashable, Sendable {
        /// The logs that it gets its events from.
        public var logs: [String]
        /// Whether it keeps the order of each key.
        public var isOrdered: Bool
        /// How long its leases are, in nanoseconds.
        public var lease: Int
        /// How many events it has not finished: pending ones, and those that it has not come to.
        public var unfinished: Int
        /// How many it says to have lost.
        public var lost: Int
        /// The names of its dead letters.
        public var dead: Set<String>
        /// What its events led to.
        public var effects: [Effect]

        /// A group of its parts.
        public init(
            logs: [String], isOrdered: Bool, lease: Int, unfinished: Int = 0, lost: Int = 0, dead: Set<String> = [], effects: [Effect] = []
        ) {
            self.logs = logs
            self.isOrdered = isOrdered
            self.lease = lease
            self.unfinished = unfinished
            self.lost = lost
            self.dead = dead
            self.effects = effects
        }
    }

    /// What was acknowledged.
    public var written: [Written] = []
    /// What consumers got.
    public var handOuts: [HandOut] = []
    /// What consumers said.
    public var words: [Word] = []
    /// Errors that no process should have met.
    public var errors: [String] = []
    /// When a server took over that may not have heard of hand-outs and of what was said about them: from the death of the old one until
    /// the new one answered.
    public var takeovers: [ClosedRange<Int>] = []
    /// The logs in the end, by topic or path of the session.
    public var logs: [String: Log] = [:]
    /// The groups in the end.
    public var groups: [String: Group] = [:]

    /// A history in which nothing happened.
    public init() {}
}

extension TopicEvent {
    /// The event's own name, as its writer gave it: in the topic of all sessions that of the event that was appended. For anything else its place.
    public var ownName: String { data.stringValue ?? data["event"]?["content"]?.stringValue ?? "\(type)@\(offset)" }
}
