import Baton
import BatonCore
import BatonHTTP
import BatonIO
import BatonSQLite
import BatonServer
import BatonTelemetry
import Glibc

/// Appends and reads through the daemon and through the library, on the same kind of file, interleaved in one run.
///
/// The ratio says what HTTP costs: both do the same work in SQLite, the daemon parses, routes and answers besides.
enum DaemonBenchmark {
    private static let event =
        #"{"author":"assistant","role":"assistant","type":"message","content":{"text":"\#(String(repeating: "x", count: 380))"},"usage":{"input":812,"output":96}}"#

    @Sendable static func run(_ arguments: [String]) async throws {
        let rounds = arguments.first.flatMap(Int.init) ?? 5
        let directory = "/tmp/baton-bench-\(getpid())"
        mkdir(directory, 0o700)
        print("residentKiB\tidle daemon\t\(try await idleMemory(directory))")
        for durability in [SQLiteDurability.normal, .full] {
            var appendRatios: [Double] = []
            var readRatios: [Double] = []
            for round in 0..<rounds {
                let library = try await measureLibrary("\(directory)/l\(round)-\(durability).db", durability)
                let daemon = try await measureDaemon("\(directory)/d\(round)-\(durability).db", durability)
                appendRatios.append(daemon.appends / library.appends)
                readRatios.append(daemon.reads / library.reads)
                print(
                    "\(durability)\tround \(round)\tappend/s library \(Int(library.appends)) daemon \(Int(daemon.appends))"
                        + "\tread50/s library \(Int(library.reads)) daemon \(Int(daemon.reads))")
            }
            print("\(durability)\tratio daemon/library, median of \(rounds)\tappend \(median(appendRatios))\tread50 \(median(readRatios))")
        }
        remove(directory)
    }

    /// Removes a directory of plain files.
    private static func remove(_ directory: String) {
        guard let entries = opendir(directory) else { return }
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { unlink("\(directory)/\(name)") }
        }
        closedir(entries)
        rmdir(directory)
    }

    private enum SQLiteDurability: String { case normal, full }

    private struct Rates {
        var appends: Double
        var reads: Double
    }

    private static let callers = 64
    private static let appendsPerCaller = 300
    private static let readsPerCaller = 100

    private static func configuration(_ durability: SQLiteDurability) -> StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.sqlite.durability = durability == .full ? .full : .normal
        return configuration
    }

    private static func measureLibrary(_ path: String, _ durability: SQLiteDurability) async throws -> Rates {
        let store = try await SessionStore.open(.sqlite(path: path), configuration: configuration(durability))
        let keys = try (0..<callers).map { try SessionKey(app: "a", user: "u\($0)", id: "s") }
        for key in keys { _ = try await store.create(key) }
        let appends = try await rate(appendsPerCaller) { caller in
            _ = try await store.append(EventBatch(EventDraft.batch(parsing: Array(event.utf8))), to: keys[caller])
        }
        let reads = try await rate(readsPerCaller) { caller in
            _ = try await store.get(keys[caller], SnapshotQuery(events: 50))
        }
        await store.close()
        return Rates(appends: appends, reads: reads)
    }

    private static func measureDaemon(_ path: String, _ durability: SQLiteDurability) async throws -> Rates {
        var setup = DaemonConfiguration(addresses: [.loopback(port: 0)], store: .sqlite(path: path))
        setup.storeConfiguration = configuration(durability)
        let daemon = try await Daemon(setup, logger: .disabled)
        var options = HTTPClient.Configuration()
        options.maximumConnections = callers
        options.maximumIdleConnections = callers
        let client = try HTTPClient("http://\(daemon.addresses[0])", options)
        let paths = (0..<callers).map { "/v1/apps/a/users/u\($0)/sessions/s" }
        for path in paths { _ = try await client.send(Request(.put, path)) }
        let body = Array(event.utf8)
        let appends = try await rate(appendsPerCaller) { caller in
            let reply = try await client.send(Request(.post, paths[caller] + "/events", headers: ["Content-Type": "application/json"], body: body))
            guard reply.status == 201 else { throw HTTPError(.unexpectedStatus, reply.text) }
        }
        let reads = try await rate(readsPerCaller) { caller in
            let reply = try await client.send(Request(.get, paths[caller], query: "events=50"))
            guard reply.status == 200 else { throw HTTPError(.unexpectedStatus, reply.text) }
        }
        await client.close()
        await daemon.stop()
        return Rates(appends: appends, reads: reads)
    }

    /// Operations a second of all callers together, each doing `count` one after the other.
    private static func rate(_ count: Int, _ operation: @escaping @Sendable (Int) async throws -> Void) async throws -> Double {
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask { for _ in 0..<count { try await operation(caller) } }
            }
            try await group.waitForAll()
        }
        return Double(callers * count) / ((ContinuousClock.now - start) / .seconds(1))
    }

    private static func idleMemory(_ directory: String) async throws -> Int {
        let daemon = try await Daemon(
            DaemonConfiguration(addresses: [.loopback(port: 0)], store: .sqlite(path: "\(directory)/idle.db")), logger: .disabled)
        defer { Task { await daemon.stop() } }
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        fgets(&line, 128, file)
        let fields = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self).split(separator: " ")
        return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) / 1024
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[sorted.count / 2] * 100).rounded() / 100
    }
}
