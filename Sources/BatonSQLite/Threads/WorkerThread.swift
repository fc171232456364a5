internal import BatonCore
internal import CBatonPlatform

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A thread of our own: SQLite waits for the disk, and cooperative threads must not.
///
/// Sendable because it is only a name of a thread; `join` is called by one owner, once.
struct WorkerThread: @unchecked Sendable {
    private let thread: pthread_t

    /// Starts a thread that runs `body` and ends.
    /// - Throws: ``StoreError/Code/storeUnavailable`` when the system gives no more threads.
    init(named name: StaticString, _ body: @escaping @Sendable () -> Void) throws(StoreError) {
        let box = Unmanaged.passRetained(Body(name: name, run: body))
        #if canImport(Glibc)
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { WorkerThread.enter($0) }, box.toOpaque())
        let started: pthread_t? = thread
        #else
        var started: pthread_t?
        let code = pthread_create(&started, nil, { WorkerThread.enter($0) }, box.toOpaque())
        #endif
        guard code == 0, let started else {
            box.release()
            throw StoreError(.storeUnavailable, "no thread could be started (errno \(code))")
        }
        self.thread = started
    }

    /// Waits until the thread has ended. Called from another worker thread only.
    func join() { pthread_join(thread, nil) }

    /// Lets the thread end on its own.
    func detach() { pthread_detach(thread) }

    private final class Body: Sendable {
        let name: StaticString
        let run: @Sendable () -> Void

        init(name: StaticString, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private static func enter(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
        baton_name_thread(body.name.description)
        body.run()
        return nil
    }
}

/// A lock with a condition, for threads of our own: waiting blocks the thread.
///
/// `@unchecked Sendable`: the pointers never change, and what they point to is made for being shared.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        #if canImport(Glibc)
        // Deadlines are counted by the clock that nobody can set.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
        #else
        pthread_cond_init(condition, nil)
        #endif
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Waits inside `withLock` until somebody signals, or `deadline` on the monotonic clock has passed.
    func wait(until deadline: Instant?) {
        guard let deadline else {
            pthread_cond_wait(condition, mutex)
            return
        }
        #if canImport(Glibc)
        var time = timespec(tv_sec: deadline.nanoseconds / 1_000_000_000, tv_nsec: deadline.nanoseconds % 1_000_000_000)
        pthread_cond_timedwait(condition, mutex, &time)
        #else
        let left = max(0, deadline.nanoseconds - Instant.now.nanoseconds)
        var time = timespec(tv_sec: left / 1_000_000_000, tv_nsec: left % 1_000_000_000)
        pthread_cond_timedwait_relative_np(condition, mutex, &time)
        #endif
    }

    /// Wakes one waiting thread.
    func signal() { pthread_cond_signal(condition) }

    /// Wakes all waiting threads.
    func broadcast() { pthread_cond_broadcast(condition) }
}

/// A moment on the monotonic clock.
struct Instant: Comparable {
    let nanoseconds: Int

    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec))
    }

    static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    func advanced(by duration: Duration) -> Instant {
        let (seconds, attoseconds) = duration.components
        // A hundred years are for ever, and far from overflow.
        let bounded = min(max(seconds, 0), 3_155_760_000)
        return Instant(nanoseconds: nanoseconds + Int(bounded) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    }

    func milliseconds(since earlier: Instant) -> Int { (nanoseconds - earlier.nanoseconds) / 1_000_000 }
}
