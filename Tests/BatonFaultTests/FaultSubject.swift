import BatonTesting
import Glibc

/// Where a fault run keeps its events, and what can happen to that.
enum FaultSubject: String, CaseIterable, Sendable {
    /// One file that all processes share.
    case sqlite
    /// A server that is killed, started again and stopped; it says that it has something when its disk has it.
    case redis
    /// A server that dies for good and whose replica takes over; writers wait for the replica.
    case failover

    /// What a worker is told.
    struct Address {
        var store: String
        var durability = "-"
    }

    /// Makes a place for the time of `body`.
    func with<Value>(_ body: (FaultPlace) async throws -> Value) async throws -> Value {
        switch self {
        case .sqlite:
            let directory = try TemporaryDirectory.make()
            defer { directory.remove() }
            return try await body(FaultPlace(address: Address(store: "sqlite:\(directory.file("bus.db"))")))
        case .redis:
            return try await RedisServer.with(["--appendonly", "yes", "--appendfsync", "always"]) { server in
                try await body(FaultPlace(address: Address(store: "redis://127.0.0.1:\(server.port)?timeout=3000"), server: server))
            }
        case .failover:
            return try await RedisReplication.with { servers in
                try await body(FaultPlace(address: Address(store: servers.address, durability: "wait:1:1s"), replication: servers))
            }
        }
    }
}

/// A place of events during one run.
final class FaultPlace {
    let address: FaultSubject.Address
    private let server: RedisServer?
    private let replication: RedisReplication?
    private var successor: RedisServer?
    /// When a replica took over, if one did.
    private(set) var takeovers: [ClosedRange<Int>] = []

    init(address: FaultSubject.Address, server: RedisServer? = nil, replication: RedisReplication? = nil) {
        self.address = address
        self.server = server
        self.replication = replication
    }

    /// Does something to the server, if there is one; answers whether it did.
    func strike(using random: inout SplitMix64, isHalfTime: Bool) async throws -> Bool {
        if let server {
            if Bool.random(using: &random) {
                await server.kill()
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...300, using: &random)))
                try await server.restart()
            } else {
                server.pause()
                try? await Task.sleep(for: .milliseconds(Int.random(in: 50...700, using: &random)))
                server.resume()
            }
            return true
        }
        guard let replication, isHalfTime, takeovers.isEmpty else { return false }
        let start = monotonicNow()
        try await replication.failOver()
        // Writers go on waiting for a replica.
        let successor = try await RedisServer.start(["--replicaof", "127.0.0.1 \(replication.replica.port)"])
        self.successor = successor
        try await eventually("the new primary has a replica") { try await successor.cli("ROLE").contains("\nconnected") }
        takeovers.append(start...monotonicNow())
        return true
    }

    func end() async { await successor?.stop() }
}

/// Nanoseconds of the machine's monotonic clock.
func monotonicNow() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
