/// What happens to a session, as the topic ``Topic/sessions`` shows it; each change is one event there, numbered by the same atomic step.
///
/// An append is one ``appended`` for every event that it stores, after a ``created`` when it made the session, and before a ``handoff`` when it
/// passes the turn to another agent; the state that it changes is no change of its own. ``SessionStore/touch(_:)`` is none, and state of users and applications belongs to no session.
public enum SessionChange: String, Hashable, Sendable, CaseIterable {
    /// The session was made.
    case created = "session.created"
    /// Its own fields were changed, but for the agent whose turn it is.
    case updated = "session.updated"
    /// Its own fields were changed, and it is another agent's turn now.
    case handoff = "session.handoff"
    /// An event was appended; it comes with the change.
    case appended = "session.event"
    /// An event was replaced; it comes with the change as it is now.
    case edited = "event.edited"
    /// An event was removed; its seq comes with the change.
    case removed = "event.removed"
    /// All events were forgotten.
    case cleared = "session.cleared"
    /// The state that it sees was changed through it.
    case stateChanged = "state.changed"
    /// Its time was over. Shown when the storage notices: when it is swept, or another session takes its name.
    case expired = "session.expired"
    /// It was deleted.
    case deleted = "session.deleted"

    /// Whether an event of the session comes with it, which readers pass over when the event is gone, or its session, or its id
    /// was given to a later session.
    public var hasEvent: Bool { self == .appended || self == .edited }
}

extension TopicEvent {
    /// A change of a session as the topic ``Topic/sessions`` shows it.
    /// - Parameters:
    ///   - id: the text of the entry's ``TopicPlace``.
    ///   - event: the event of the session, as it is now; for changes that have one.
    ///   - removed: the seq of the event that was removed.
    public init(
        _ change: SessionChange, of session: SessionKey, event: Event? = nil, removed: Int? = nil, id: String, offset: TopicOffset, time: Timestamp
    ) {
        var writer = JSONWriter(reserving: (event?.body.bytes.count ?? 0) + 256)
        writer.object { writer in
            writer.name("app")
            writer.string(session.app)
            writer.name("user")
            writer.string(session.user)
            writer.name("session")
            writer.string(session.id)
            if let event {
                writer.name("event")
                writer.event(event)
            }
            if let removed {
                writer.name("seq")
                writer.int(removed)
            }
        }
        self.init(
            id: id, seq: nil, offset: offset, time: time, type: change.rawValue, key: session.path, data: JSON(checked: writer.bytes),
            trace: event?.trace)
    }
}

extension SessionKey {
    /// The three names as one text, `app/user/id`, each percent-encoded but for letters, digits and `-._~` (RFC 3986 §2.3).
    public var path: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(app.utf8.count + user.utf8.count + id.utf8.count + 2)
        for (index, name) in [app, user, id].enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: "/")) }
            for byte in name.utf8 {
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
                default:
                    bytes.append(UInt8(ascii: "%"))
                    bytes.append(SessionKey.digit(byte >> 4))
                    bytes.append(SessionKey.digit(byte & 15))
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The key that ``path`` spells; `nil` for any other text.
    public init?(path: String) {
        var names: [[UInt8]] = [[]]
        var rest = Array(path.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "/"): names.append([])
            case UInt8(ascii: "%"):
                guard rest.count >= 2, let decoded = Hex.bytes(of: String(decoding: rest.prefix(2), as: UTF8.self).lowercased()) else { return nil }
                names[names.count - 1] += decoded
                rest = rest.dropFirst(2)
            default: names[names.count - 1].append(byte)
            }
        }
        let texts = names.compactMap { String(validating: $0, as: UTF8.self) }
        guard texts.count == 3, let key = try? SessionKey(app: texts[0], user: texts[1], id: texts[2]) else { return nil }
        // One key has one path.
        guard Name.isSame(key.path, path) else { return nil }
        self = key
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }
}
