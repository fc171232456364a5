import BatonCore
import Synchronization

@testable import BatonSQLite

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A directory of its own for one test, which goes away with it.
final class Scratch: Sendable {
    let path: String

    init() {
        var random = SystemRandomNumberGenerator()
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        path = "\(base)/baton-sqlite-\(getpid())-\(random.next())"
        mkdir(path, 0o700)
    }

    deinit {
        for name in names { unlink(file(name)) }
        rmdir(path)
    }

    /// The path of a file in it.
    func file(_ name: String = "baton.db") -> String { "\(path)/\(name)" }

    /// The files in it.
    var names: [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func read(_ name: String = "baton.db") -> [UInt8] {
        guard let file = fopen(file(name), "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes.append(contentsOf: buffer[..<count]) }
        return bytes
    }

    func write(_ bytes: [UInt8], to name: String = "baton.db") {
        guard let file = fopen(file(name), "w") else { return }
        defer { fclose(file) }
        fwrite(bytes, 1, bytes.count, file)
    }
}

/// A clock that stands where it is put.
final class TestClock: Sendable {
    private let milliseconds: Mutex<Int>

    init(_ milliseconds: Int = 1_700_000_000_000) { self.milliseconds = Mutex(milliseconds) }

    var now: Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }

    func advance(seconds: Int) { milliseconds.withLock { $0 += seconds * 1000 } }
}

/// Counts from any thread.
final class Counter: Sendable {
    private let number = Mutex(0)

    var count: Int { number.withLock { $0 } }

    func increment() { number.withLock { $0 += 1 } }
}

/// Holds a thread of a store until it is opened, for a minute at most.
final class Gate: @unchecked Sendable {
    private let monitor = Monitor()
    private var isOpen = false
    private var isReached = false

    /// Waits; called on a thread of the store, never on a cooperative one.
    func pass() {
        let end = Instant.now.advanced(by: .seconds(60))
        monitor.withLock {
            isReached = true
            while !isOpen, Instant.now < end { monitor.wait(until: end) }
        }
    }

    func open() {
        monitor.withLock { isOpen = true }
        monitor.broadcast()
    }

    /// Whether somebody stands before it.
    var hasVisitor: Bool { monitor.withLock { isReached && !isOpen } }
}

extension SQLiteStorage {
    /// Holds the writer inside a transaction until the gate is opened, so that calls queue up.
    func holdWriter(at gate: Gate) async throws -> Task<Void, any Error> {
        let task = Task { try await self.write { (_) throws(StoreError) in gate.pass() } }
        guard try await eventually({ gate.hasVisitor }) else { throw CancellationError() }
        return task
    }
}

/// Runs `body` with a store that is closed afterwards, whatever happens.
func withStore<Result>(
    at location: SQLiteStorage.Location, _ configuration: SQLiteConfiguration = SQLiteConfiguration(durability: .normal),
    policy: StorePolicy = StorePolicy(), clock: @escaping @Sendable () -> Timestamp = SQLiteStorage.systemClock,
    _ body: (SQLiteStorage) async throws -> Result
) async throws -> Result {
    let storage = try await SQLiteStorage(at: location, configuration: configuration, policy: policy, clock: clock)
    do {
        let result = try await body(storage)
        await storage.close()
        return result
    } catch {
        await storage.close()
        throw error
    }
}

/// Waits until a condition holds, for at most half a minute.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}

func key(_ id: String = "s", user: String = "u", app: String = "a") throws -> SessionKey { try SessionKey(app: app, user: user, id: id) }

func draft(_ text: String = "hello", id: String? = nil, role: String = "user") throws -> EventDraft {
    try EventDraft(.message(text, role: role, id: id))
}

func batch(_ count: Int, from first: Int = 1) throws -> EventBatch {
    EventBatch(try (first..<first + count).map { try draft("message \($0)") })
}

extension SQLiteStorage {
    func gauge(_ name: String) -> Double { gauges.first { $0.name == name }?.value ?? .nan }

    /// Appends `count` events in batches.
    func fill(_ key: SessionKey, with count: Int) async throws {
        var left = count
        while left > 0 {
            let size = min(left, EventDraft.maximumBatch)
            var batch = try batch(size)
            batch.createsSession = true
            _ = try await append(batch, to: key)
            left -= size
        }
    }
}

/// The files of a directory that this process has open.
func openFiles(in scratch: Scratch) -> [String] {
    guard let directory = opendir("/proc/self/fd") else { return [] }
    defer { closedir(directory) }
    var files: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
        guard count > 0 else { continue }
        let target = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if target.hasPrefix(scratch.path + "/") { files.append(target) }
    }
    return files
}
