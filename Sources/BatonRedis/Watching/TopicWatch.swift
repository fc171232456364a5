internal import BatonCore
internal import BatonIO
internal import BatonRedisClient
internal import Synchronization

/// Hints out of topics' streams, and out of what changes when their groups have something to hand out again: one waiting read for all topics that
/// somebody watches where one server keeps everything, one for each topic on a cluster.
///
/// A topic stays watched for a while after the last watcher left, because consumers that ask again and again come back.
final class TopicWatch: Sendable {
    private struct Watched {
        let keys: TopicKeys
        var watchers = 1
        var leftAt: ContinuousClock.Instant?
    }

    private struct State {
        var topics: [[UInt8]: Watched] = [:]
        var readers: [[UInt8]: Task<Void, Never>] = [:]
        var isClosed = false
    }

    private let client: RedisClient
    private let isOneServer: Bool
    private let hint: @Sendable (StorageHint) -> Void
    private let state = Mutex(State())

    /// How long a topic without watchers is read on, and how many of them.
    private static let (linger, maximumIdle) = (Duration.seconds(60), 64)

    init(_ client: RedisClient, isOneServer: Bool, hint: @escaping @Sendable (StorageHint) -> Void) {
        self.client = client
        self.isOneServer = isOneServer
        self.hint = hint
    }

    func watch(_ keys: TopicKeys) -> StorageObservation {
        let name = Array(keys.name.utf8)
        state.withLock { state in
            guard !state.isClosed else { return }
            if state.topics[name] != nil {
                state.topics[name]?.watchers += 1
                state.topics[name]?.leftAt = nil
                return
            }
            state.topics[name] = Watched(keys: keys)
            let gone = forget(&state)
            if isOneServer {
                restart(&state)
            } else {
                for name in gone { state.readers.removeValue(forKey: name)?.cancel() }
                state.readers[name] = Task { await self.read([keys]) }
            }
        }
        let isEnded = Mutex(false)
        return StorageObservation { [weak self] in
            guard
                isEnded.withLock({ ended in
                    defer { ended = true }; return !ended
                })
            else { return }
            self?.leave(name)
        }
    }

    private func leave(_ name: [UInt8]) {
        state.withLock { state in
            state.topics[name]?.watchers -= 1
            if state.topics[name]?.watchers == 0 { state.topics[name]?.leftAt = .now }
        }
    }

    /// Lets go of topics that nobody has watched for a while; gives their names.
    private func forget(_ state: inout State) -> [[UInt8]] {
        let now = ContinuousClock.now
        let idle = state.topics.filter { $0.value.leftAt != nil }
        let old = idle.filter { idle.count > TopicWatch.maximumIdle || now - ($0.value.leftAt ?? now) > TopicWatch.linger }
        for name in old.keys { state.topics[name] = nil }
        return Array(old.keys)
    }

    private func restart(_ state: inout State) {
        for reader in state.readers.values { reader.cancel() }
        let keys = state.topics.values.map(\.keys)
        state.readers = keys.isEmpty ? [:] : [[]: Task { await self.read(keys) }]
    }

    func close() async {
        let readers = state.withLock { state in
            state.isClosed = true
            defer { state.readers = [:] }
            return Array(state.readers.values)
        }
        for reader in readers { reader.cancel() }
        for reader in readers { await reader.value }
    }

    /// Reads until it is cancelled; a connection that breaks is replaced after a pause that grows to a second.
    private func read(_ topics: [TopicKeys]) async {
        let streams = topics.flatMap { [$0.events, $0.wake] }
        let names = topics.flatMap { [$0.name, $0.name] }
        // What has failed may be elsewhere by now; the client finds that out, a connection of one's own would not.
        let probe = RawCommand(["EXISTS", RedisArgument(streams[0])], keys: [streams[0]], isReadOnly: true, retrySafety: .always)
        var failures = 0
        while !Task.isCancelled {
            do {
                if failures > 0 { _ = try await client.send(probe) }
                try await client.withConnection(for: streams.first) { connection in
                    try await self.follow(streams, names, on: connection) { failures = 0 }
                }
            } catch {
                if Task.isCancelled || (error as? RedisError)?.code == .closed { return }
                failures += 1
                try? await Task.sleep(for: .milliseconds(min(1000, 100 << min(failures, 4))))
            }
        }
    }

    private func follow(_ streams: [RedisKey], _ names: [String], on connection: RedisConnection, _ succeeded: () -> Void) async throws {
        var positions = try await ends(of: streams, on: connection)
        succeeded()
        // Before this connection, and before the first, anything may have happened.
        for name in Set(names.map { Array($0.utf8) }) { hint(.topic(String(decoding: name, as: UTF8.self))) }
        while !Task.isCancelled {
            let waits = zip(streams, positions).map { (key: $0, from: StreamPosition.after($1)) }
            // Short, so that a connection that died unnoticed is found out within two seconds.
            let batches = try await connection.send(XREAD(waits, count: 1, waiting: .seconds(1)), deadline: .after(.seconds(2)))
            // Also when nothing came: a server that lost everything begins anew, and waits at old places for ever.
            let ends = try await ends(of: streams, on: connection)
            for (index, end) in ends.enumerated() where end != positions[index] || batches[streams[index]] != nil { hint(.topic(names[index])) }
            positions = ends
        }
    }

    /// Where streams end now.
    private func ends(of streams: [RedisKey], on connection: RedisConnection) async throws(RedisError) -> [StreamID] {
        let commands = streams.map {
            RawCommand(["XREVRANGE", RedisArgument($0), "+", "-", "COUNT", 1], keys: [$0], isReadOnly: true, retrySafety: .always)
        }
        var positions: [StreamID] = []
        for reply in try await connection.pipeline(commands, deadline: .after(.seconds(2))) {
            var last = StreamID.zero
            for entry in try StreamEntries(try reply.get()) { last = entry.id }
            positions.append(last)
        }
        return positions
    }
}
