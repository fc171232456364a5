internal import CBatonEvent
internal import CBatonPlatform
internal import Glibc
internal import Synchronization

/// Readiness of descriptors, one timer and a wake-up: all that the loop needs from the system. libevent stays behind this type, so
/// that another poller can take its place. Everything but `wake()` belongs to the loop's thread.
final class Poller: @unchecked Sendable {
    // Sendable: `base` and `wakeEvent` never change and are freed in deinit, when nobody can call any more; `wake()` is the only
    // method called from other threads, and event_active is thread-safe after evthread_use_pthreads.

    /// What a watch waits for.
    enum Interest {
        case read, write
    }

    /// A descriptor being watched for one interest, level-triggered, until it is removed.
    struct Watch {
        fileprivate let event: OpaquePointer
    }

    /// Called on the loop's thread with the context that was given to `watch`.
    typealias Callback = @convention(c) (_ descriptor: Int32, _ what: Int16, _ context: UnsafeMutableRawPointer?) -> Void

    private let base: OpaquePointer
    private let wakeEvent: OpaquePointer
    private let timerEvent: OpaquePointer
    private var timerDeadline = Deadline.never

    init() throws(IOError) {
        Self.prepareLibrary
        guard let base = event_base_new() else { throw IOError(errorNumber: errno, while: "create an event loop") }
        // Neither has anything to do when it fires: the loop looks at its mailbox and its timers after every poll.
        let nothing: Callback = { _, _, _ in }
        guard let wakeEvent = event_new(base, -1, Int16(EV_PERSIST), nothing, nil) else {
            event_base_free(base)
            throw IOError(errorNumber: ENOMEM, while: "create an event loop")
        }
        guard let timerEvent = event_new(base, -1, 0, nothing, nil) else {
            event_free(wakeEvent)
            event_base_free(base)
            throw IOError(errorNumber: ENOMEM, while: "create an event loop")
        }
        self.base = base
        self.wakeEvent = wakeEvent
        self.timerEvent = timerEvent
    }

    deinit {
        event_free(wakeEvent)
        event_free(timerEvent)
        event_base_free(base)
    }

    /// Calls back for everything that is ready; when `waiting`, first waits until something is.
    func poll(waiting: Bool) {
        _ = event_base_loop(base, EVLOOP_ONCE | (waiting ? EVLOOP_NO_EXIT_ON_EMPTY : EVLOOP_NONBLOCK))
    }

    /// Ends a waiting `poll`, now or as soon as it begins. Any thread.
    func wake() {
        event_active(wakeEvent, 0, 0)
    }

    /// Makes a waiting `poll` end at `deadline` at the latest (milliseconds later, by the resolution of the system's wait).
    func setTimer(at deadline: Deadline) {
        // libevent reads a coarse clock, so the event may have fired a little early: then it is set again for the rest.
        if deadline >= timerDeadline, event_pending(timerEvent, Int16(EV_TIMEOUT), nil) != 0 { return }
        let nanoseconds = max(0, deadline.nanoseconds - Deadline.now.nanoseconds)
        let microseconds = nanoseconds / 1000 + 1
        var interval = timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
        event_add(timerEvent, &interval)
        timerDeadline = deadline
    }

    /// Watches `descriptor`; `context` has to stay valid until the watch is removed.
    func watch(
        _ descriptor: Int32, for interest: Interest, context: UnsafeMutableRawPointer, _ callback: @escaping Callback
    ) throws(IOError) -> Watch {
        let flags = Int16(EV_PERSIST | (interest == .read ? EV_READ : EV_WRITE))
        guard let event = event_new(base, descriptor, flags, callback, context) else {
            throw IOError(errorNumber: ENOMEM, while: "watch a descriptor")
        }
        guard event_add(event, nil) == 0 else {
            event_free(event)
            throw IOError(errorNumber: errno, while: "watch a descriptor")
        }
        return Watch(event: event)
    }

    /// Ends a watch: its callback is not called any more. Has to come before the descriptor is closed.
    func remove(_ watch: Watch) {
        event_free(watch.event)
    }

    /// Once per process, before the first base: locks, and a log callback that cannot flood standard error.
    private static let prepareLibrary: Void = {
        _ = evthread_use_pthreads()
        event_set_log_callback { severity, text in
            guard severity >= EVENT_LOG_WARN, let text, Poller.mayLog() else { return }
            let line = "libevent: \(String(cString: text))\n"
            _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
    }()

    private static let lastLogged = Atomic<Int64>(.min)

    /// At most one line a second, from whichever thread comes first.
    private static func mayLog() -> Bool {
        let now = Deadline.now.nanoseconds
        let last = lastLogged.load(ordering: .relaxed)
        guard last == .min || now - last > 1_000_000_000 else { return false }
        return lastLogged.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    }
}
