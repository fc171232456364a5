internal import CBatonPlatform
internal import Glibc
internal import Synchronization

/// One thread that waits for sockets, timers and work, and does what they bring, one after the other.
///
/// `Task(executorPreference: loop)` keeps a task on that thread, so nothing it calls may block. An actor is bound to the loop by
/// `nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }`.
/// The loop lives until `shutdown()`; what is handed to it afterwards still runs, on a short-lived thread.
public final class EventLoop: TaskExecutor, @unchecked Sendable {
    // Sendable: `state` is a lock, `stalls` an atomic, the `let`s are Sendable; every `var` is touched by the loop's thread only,
    // of which there is one at a time (`Phase`), handed over under the lock.

    /// How a loop is set up.
    public struct Configuration: Sendable {
        /// The thread's name; 15 bytes are kept.
        public var name: String
        /// An iteration that keeps the thread busy for longer than this is a stall.
        public var stallThreshold: Duration
        /// Called on the loop's thread after each stall, with its length.
        public var stalled: (@Sendable (Duration) -> Void)?

        /// The defaults: 20 ms, nobody told.
        public init(name: String = "baton-loop", stallThreshold: Duration = .milliseconds(20), stalled: (@Sendable (Duration) -> Void)? = nil) {
            self.name = name
            self.stallThreshold = stallThreshold
            self.stalled = stalled
        }
    }

    /// One unit of handed-over work. Sendable: a closure that is not comes from the loop's own thread (`performLater`) and stays there.
    enum Work: @unchecked Sendable {
        case closure(() -> Void)
        case job(UnownedJob)
        case isolatedJob(UnownedJob)
        case done
    }

    enum Phase {
        case running, stopping, stopped
        /// Stopped, and a short-lived thread runs what came late.
        case late
    }

    struct State {
        var incoming: [Work] = []
        var sleeping = false
        var phase = Phase.running
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Reads are made into this buffer, which lives as long as the loop; 64 KiB.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    /// Small pieces are put together in this buffer to make one TLS record; 16 KiB, the most a record holds (RFC 8446 section 5.1).
    let recordBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * 1024, alignment: 16)
    let poller: Poller
    var timers = TimerHeap()
    var channels: [Channel] = []
    var residents: [any LoopResident] = []
    var sweepTimer: Timer?

    private let configuration: Configuration
    private let state = Mutex(State())
    let isolation = LoopIsolation()
    private let stalls = Atomic<Int>(0)
    private var local: [Work] = []
    private var localHead = 0
    private var timerOrder: UInt64 = 0
    private var iterationStart = Deadline.never

    /// Work done between two polls, so that sockets get their turn.
    private static let workPerIteration = 1024

    /// Starts the loop's thread.
    ///
    /// - Throws: `tooManyDescriptors` or `system` when the system has no descriptor or thread to give.
    public init(_ configuration: Configuration = Configuration()) throws(IOError) {
        ProcessLimits.ignoreBrokenPipes()
        self.configuration = configuration
        poller = try Poller()
        isolation.loop = self
        try Thread.start(named: configuration.name) { self.run() }
    }

    deinit {
        readBuffer.deallocate()
        recordBuffer.deallocate()
    }

    /// The loop whose thread this is.
    public static var current: EventLoop? {
        baton_current_loop().map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Whether the caller is on this loop's thread.
    public var isCurrent: Bool {
        baton_current_loop() == Unmanaged.passUnretained(self).toOpaque()
    }

    /// How many iterations have been stalls.
    public var stallCount: Int { stalls.load(ordering: .relaxed) }

    /// Whether other work is to be done in this turn, such as tasks that were resumed with the caller's. On the loop's thread.
    public var hasPendingWork: Bool { localHead < local.count }

    /// Open connections of this loop. On the loop's thread.
    public var channelCount: Int { channels.count }

    /// Runs `work` on the loop's thread: soon, exactly once, in the order of the calls of one thread. Any thread.
    public func execute(_ work: @escaping @Sendable () -> Void) {
        submit(.closure(work))
    }

    /// Runs `body` on the loop's thread and returns what it returns; without a hop when the caller is there already.
    @discardableResult
    public func run<Value: Sendable, Failure: Error>(_ body: @escaping @Sendable () throws(Failure) -> Value) async throws(Failure) -> Value {
        if isCurrent { return try body() }
        let outcome: Result<Value, Failure> = await withCheckedContinuation { continuation in
            execute { continuation.resume(returning: Result(catching: body)) }
        }
        return try outcome.get()
    }

    /// Does `action` at `deadline`, on the loop's thread, from which this has to be called. O(log n).
    ///
    /// Timers that are not due when the loop is shut down are dropped.
    @discardableResult
    public func schedule(at deadline: Deadline, _ action: @escaping () -> Void) -> Timer {
        schedule(at: deadline, action, dropped: nil)
    }

    /// Does `action` once `duration` has passed, on the loop's thread, from which this has to be called. O(log n).
    @discardableResult
    public func schedule(after duration: Duration, _ action: @escaping () -> Void) -> Timer {
        schedule(at: .after(duration), action)
    }

    func schedule(at deadline: Deadline, _ action: @escaping () -> Void, dropped: (() -> Void)?) -> Timer {
        assert(isCurrent)
        timerOrder &+= 1
        let timer = Timer(deadline: deadline, order: timerOrder, loop: self, action: action, dropped: dropped)
        timers.insert(timer)
        return timer
    }

    /// Closes the loop's channels and listeners, runs the work it has, and ends its thread. May be called more than once.
    public func shutdown() async {
        await withCheckedContinuation { continuation in
            let (wake, over) = state.withLock { state -> (Bool, Bool) in
                guard state.phase == .running || state.phase == .stopping else { return (false, true) }
                state.phase = .stopping
                state.waiters.append(continuation)
                defer { state.sleeping = false }
                return (state.sleeping, false)
            }
            if over { continuation.resume() }
            if wake { poller.wake() }
        }
    }

    /// Whether the loop takes no new channels any more.
    public var isShutDown: Bool {
        state.withLock { $0.phase != .running }
    }

    // MARK: Work

    func submit(_ work: Work) {
        if isCurrent {
            local.append(work)
            return
        }
        let (wake, start) = state.withLock { state -> (Bool, Bool) in
            state.incoming.append(work)
            if state.phase == .stopped {
                state.phase = .late
                return (false, true)
            }
            defer { state.sleeping = false }
            return (state.sleeping, false)
        }
        if wake { poller.wake() }
        if start { runLate() }
    }

    /// Runs `work` on the loop's thread, on which the caller is, after what it is doing now.
    func performLater(_ work: @escaping () -> Void) {
        assert(isCurrent)
        local.append(.closure(work))
    }

    /// Takes over what other threads handed in; whether there is anything to do. With `sleeping`, an empty mailbox is marked so
    /// that the next `submit` wakes the loop: only the one that finds it empty pays for that.
    private func collect(sleeping: Bool = false) -> Bool {
        let drained = localHead == local.count
        if drained {
            local.removeAll(keepingCapacity: local.capacity <= 4096)
            localHead = 0
        }
        var incoming: [Work] = drained ? local : []
        if drained { local = [] }
        let stopping = state.withLock { state in
            swap(&state.incoming, &incoming)
            state.sleeping = sleeping && incoming.isEmpty && drained && state.phase == .running
            return state.phase == .stopping
        }
        if drained { local = incoming } else { local.append(contentsOf: incoming) }
        return localHead < local.count || stopping
    }

    private func runWork(atMost limit: Int) {
        var left = limit
        while left > 0, localHead < local.count {
            var work = Work.done
            swap(&work, &local[localHead])
            localHead += 1
            left -= 1
            switch work {
            case .closure(let body): body()
            case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
            case .isolatedJob(let job): job.runSynchronously(on: isolation.asUnownedSerialExecutor())
            case .done: break
            }
        }
    }

    // MARK: The thread

    private func run() {
        baton_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
        // The first poll does not wait: nothing has marked the mailbox as empty yet.
        var busy = true
        while true {
            iterationStart = .never
            if let next = timers.first { poller.setTimer(at: next.deadline) }
            poller.poll(waiting: !busy)
            noteActivity()
            fireTimers()
            _ = collect()
            runWork(atMost: Self.workPerIteration)
            noteStall()
            busy = collect(sleeping: true)
            if busy, state.withLock({ $0.phase }) == .stopping { break }
        }
        finish()
    }

    /// Called by whatever a poll brings, so that an iteration is measured from its first event and not from the wait before it.
    func noteActivity() {
        if iterationStart == .never { iterationStart = .now }
    }

    private func noteStall() {
        let length = Deadline.now.nanoseconds - iterationStart.nanoseconds
        guard length > configuration.stallThreshold.saturatedNanoseconds else { return }
        stalls.wrappingAdd(1, ordering: .relaxed)
        configuration.stalled?(.nanoseconds(length))
    }

    private func fireTimers() {
        guard timers.first != nil else { return }
        let now = Deadline.now
        // Not the timers that these set: one that sets itself for "now" must not keep the sockets waiting.
        let newest = timerOrder
        while let timer = timers.first, timer.deadline <= now, timer.order <= newest {
            timers.remove(timer)
            timer.fire()
        }
    }

    private func finish() {
        let error = IOError(.shutdown, "the event loop was shut down")
        var waiters: [CheckedContinuation<Void, Never>] = []
        while true {
            for resident in residents { resident.loopWillEnd() }
            for channel in channels { channel.close(because: error) }
            for timer in timers.removeAll() { timer.fire(dropping: true) }
            _ = collect()
            runWork(atMost: .max)
            guard localHead == local.count, channels.isEmpty, residents.isEmpty else { continue }
            let over = state.withLock { state in
                guard state.incoming.isEmpty else { return false }
                state.phase = .stopped
                swap(&waiters, &state.waiters)
                return true
            }
            if over { break }
        }
        baton_set_current_loop(nil)
        for waiter in waiters { waiter.resume() }
    }

    /// Work for a loop that has ended, among it the last steps of tasks that preferred it, runs on a thread of its own until there
    /// is no more: nothing that was handed over is ever lost, and still only one thread at a time is the loop's.
    private func runLate() {
        let body: @Sendable () -> Void = {
            baton_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
            while true {
                _ = self.collect()
                self.runWork(atMost: .max)
                for timer in self.timers.removeAll() { timer.fire(dropping: true) }
                guard self.localHead == self.local.count else { continue }
                let over = self.state.withLock { state in
                    guard state.incoming.isEmpty else { return false }
                    state.phase = .stopped
                    return true
                }
                if over { break }
            }
            baton_set_current_loop(nil)
        }
        do {
            try Thread.start(named: configuration.name, body)
        } catch {
            // No thread to be had: the caller's has to do, as it is not the loop's.
            body()
        }
    }
}

/// What is told when its loop ends, besides channels.
protocol LoopResident: AnyObject {
    /// Has to leave `EventLoop.residents`.
    func loopWillEnd()
}
