internal import Synchronization

/// Events on their way to followers, shared by all of them.
///
/// A stream that needs the events in another form asks for it with ``rendered(as:)``; it is made once, however many streams ask.
public final class EventDelivery<Element: Sendable>: Sendable {
    /// The events, oldest first; at least one.
    public let events: [Element]
    private let renderings = Mutex<[ObjectIdentifier: any Sendable]>([:])

    init(_ events: [Element]) { self.events = events }

    /// The events in the form of `rendering`, made at the first call.
    public func rendered<R: EventRendering>(as rendering: R) -> R.Rendered where R.Element == Element {
        if let made = renderings.withLock({ $0[ObjectIdentifier(R.self)] }) as? R.Rendered { return made }
        let made = rendering.render(events)
        renderings.withLock { $0[ObjectIdentifier(R.self)] = made }
        return made
    }
}

/// A form in which events are sent on. Values of one type render the events of one log alike.
public protocol EventRendering<Element> {
    /// An event.
    associatedtype Element: Sendable
    /// What the form is made of.
    associatedtype Rendered: Sendable

    /// These events in this form.
    func render(_ events: [Element]) -> Rendered
}

/// Where a follower's events go.
public protocol EventSink<Element>: AnyObject, Sendable {
    /// An event.
    associatedtype Element: Sendable

    /// Takes events while the follower catches up; suspends until there is room. Throws when the reader is gone.
    func write(_ delivery: EventDelivery<Element>) async throws

    /// Takes live events; returns at once. `false` when there is no room: the follower then goes back to catching up, from
    /// where the last accepted delivery ended.
    func push(_ delivery: EventDelivery<Element>) -> Bool

    /// The reader stands at another place, and there was nothing for it on the way: a filter left out what was there.
    func moved(to place: String)

    /// Nothing follows. Called at most once, and not after the follower was cancelled.
    func end(_ ending: FollowEnding)
}

extension EventSink {
    /// Nothing to do for a reader that keeps no place of its own.
    public func moved(to place: String) {}
}

/// Why nothing follows any more.
public enum FollowEnding: Sendable {
    /// The session was deleted or has expired.
    case deleted
    /// The follower's place is gone: trimmed away, or in another generation. It has to read anew.
    case resync(StoreError)
    /// The store was closed.
    case closed
    /// The store failed in a way that waiting does not mend.
    case failed(StoreError)
}
