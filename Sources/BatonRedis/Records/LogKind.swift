internal import BatonCore

/// What an entry of a shard's log shows in the topic of all sessions: the letters of its field `y`, each one change, oldest first.
///
/// `a` stands for as many changes as the append stored, which are in the entry's result. Behind `m` and `b`, an event that was appended otherwise
/// (the mark of a rewind, what an approval says), come the event's seq and the session's generation; behind `r` the seq. None: it shows nothing.
enum LogKind {
    /// What logs keep unless the topic is told otherwise; of each shard.
    static let retention = TopicRetention.sessions

    static func change(_ letter: UInt8) -> SessionChange? {
        switch letter {
        case UInt8(ascii: "c"): .created
        case UInt8(ascii: "u"): .updated
        case UInt8(ascii: "h"): .handoff
        case UInt8(ascii: "a"), UInt8(ascii: "b"): .appended
        case UInt8(ascii: "m"): .edited
        case UInt8(ascii: "r"): .removed
        case UInt8(ascii: "x"): .cleared
        case UInt8(ascii: "s"): .stateChanged
        case UInt8(ascii: "e"): .expired
        case UInt8(ascii: "d"): .deleted
        default: nil
        }
    }

    /// The letters of changes by their names.
    static func letters(of types: [String]) -> [UInt8] {
        Array("cuhabmrxsed".utf8).filter { letter in change(letter).map { change in types.contains { Name.isSame($0, change.rawValue) } } ?? false }
    }
}
