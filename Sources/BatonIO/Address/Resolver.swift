internal import CBatonPlatform
internal import Glibc
internal import Synchronization

/// Looks host names up with the system's resolver, which blocks: on threads of its own. Nothing is cached; that is the system's job.
public enum Resolver {
    /// All addresses of `host`, in the order the system prefers (RFC 6724), without repetition.
    ///
    /// - Parameter loop: keeps the deadline.
    /// - Throws: `resolution` when there is none, `timedOut`, `cancelled`, `shutdown`.
    public static func addresses(of host: String, port: UInt16, on loop: EventLoop, deadline: Deadline) async throws(IOError) -> [SocketAddress] {
        if let address = SocketAddress(numericHost: host, port: port) { return [address] }
        let lookup = Lookup(host: host, port: port)
        let outcome: Lookup.Outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard lookup.begin(continuation) else { return }
                queue.add(lookup)
                guard deadline != .never else { return }
                loop.execute {
                    guard !loop.isShutDown else {
                        lookup.end(with: .failure(IOError(.shutdown, "look up \(host): the event loop was shut down")))
                        return
                    }
                    lookup.limit(
                        loop.schedule(at: deadline) {
                            lookup.end(with: .failure(IOError(.timedOut, "look up \(host): no answer in time; is the name server reachable?")))
                        } dropped: {
                            lookup.end(with: .failure(IOError(.shutdown, "look up \(host): the event loop was shut down")))
                        }, on: loop)
                }
            }
        } onCancel: {
            lookup.end(with: .failure(IOError(.cancelled, "look up \(host): the task was cancelled")))
        }
        return try outcome.get()
    }

    private static let queue = LookupQueue()
}

/// One name being looked up: ended once, by the answer, the deadline or cancellation, whichever comes first.
private final class Lookup: Sendable {
    typealias Outcome = Result<[SocketAddress], IOError>

    /// A timer to be cancelled on its loop. Sendable: it is only touched there.
    struct Limit: @unchecked Sendable {
        let timer: Timer
        let loop: EventLoop
    }

    struct State {
        var continuation: CheckedContinuation<Outcome, Never>?
        var outcome: Outcome?
        var limit: Limit?
    }

    let host: String
    let port: UInt16
    private let state = Mutex(State())

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    var isOver: Bool { state.withLock { $0.outcome != nil } }

    /// False when it was over before it began; the continuation is resumed then.
    func begin(_ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
        let early = state.withLock { state in
            if state.outcome == nil { state.continuation = continuation }
            return state.outcome
        }
        if let early { continuation.resume(returning: early) }
        return early == nil
    }

    func limit(_ timer: Timer, on loop: EventLoop) {
        let limit = Limit(timer: timer, loop: loop)
        let late = state.withLock { state in
            if state.outcome == nil { state.limit = limit }
            return state.outcome != nil
        }
        if late { timer.cancel() }
    }

    func end(with outcome: Outcome) {
        let (continuation, limit) = state.withLock { state -> (CheckedContinuation<Outcome, Never>?, Limit?) in
            guard state.outcome == nil else { return (nil, nil) }
            state.outcome = outcome
            defer {
                state.continuation = nil
                state.limit = nil
            }
            return (state.continuation, state.limit)
        }
        if let limit { limit.loop.execute { limit.timer.cancel() } }
        continuation?.resume(returning: outcome)
    }

    /// Asks the system. Blocks.
    func perform() -> Outcome {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, nil, &hints, &list)
        guard failure == 0 else {
            let reason = gai_strerror(failure).map { String(cString: $0) } ?? "error \(failure)"
            return .failure(IOError(.resolution, "look up \(host): \(reason); check the spelling and the name server"))
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let address = entry.pointee.ai_addr else { continue }
            var storage = sockaddr_storage()
            let length = min(Int(entry.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
            withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: length)) }
            guard let found = SocketAddress(storage, length: length)?.with(port: port), !addresses.contains(found) else { continue }
            addresses.append(found)
        }
        return addresses.isEmpty ? .failure(IOError(.resolution, "look up \(host): it has no address")) : .success(addresses)
    }
}

/// Names that wait for a thread, and the threads: made when needed, at most eight, gone when there is nothing to look up.
private final class LookupQueue: Sendable {
    private struct State {
        var waiting: [Lookup] = []
        var threads = 0
    }

    private static let maximumThreads = 8
    private let state = Mutex(State())

    func add(_ lookup: Lookup) {
        let start = state.withLock { state in
            state.waiting.append(lookup)
            guard state.threads < Self.maximumThreads else { return false }
            state.threads += 1
            return true
        }
        guard start else { return }
        do {
            try Thread.start(named: "baton-dns") {
                while let lookup = self.next() {
                    if !lookup.isOver { lookup.end(with: lookup.perform()) }
                }
            }
        } catch {
            state.withLock { $0.threads -= 1 }
            lookup.end(with: .failure(error))
        }
    }

    private func next() -> Lookup? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.threads -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
    }
}

extension SocketAddress {
    /// The same host with another port.
    func with(port: UInt16) -> SocketAddress {
        switch self {
        case .ipv4(let address, _): .ipv4(address, port: port)
        case .ipv6(let high, let low, _, let scope): .ipv6(high: high, low: low, port: port, scope: scope)
        case .unix: self
        }
    }
}
