internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonOTLP
internal import BatonRedis
internal import BatonSQLite
internal import BatonTelemetry
internal import Glibc

/// What hooks and traces add to the processor time of an append, all threads of the process counted.
///
/// `BatonBenchmarks tracing [ADDRESS] [ROUNDS APPENDS]`: the store is `sqlite::memory:` unless an address is given; a Redis is filled, not emptied. Ratios
/// are to the storage itself, which does the same without what stands above it. The variants take turns, so that all meet the same moments, and
/// the best round of each counts: what else runs on the machine only ever adds. Spans go to a collector in a process of its own.
enum TracingBenchmark {
    static func run(_ arguments: [String]) async throws {
        if arguments.first == "collect" { return try await collect(at: arguments[1]) }
        let numbers = arguments.dropFirst().compactMap(Int.init)
        let (rounds, appends) = (numbers.first ?? 8, numbers.dropFirst().first ?? 20_000)
        let socket = "/tmp/baton-collector-\(getpid()).sock"
        let collector = try ProcessUsage.spawn(["tracing", "collect", socket])
        defer {
            kill(collector, SIGKILL)
            unlink(socket)
        }
        var configuration = OTLPConfiguration(endpoint: "http+unix://\(PercentEncoding.encode(socket))/v1/traces")
        configuration.delay = .milliseconds(200)
        let metrics = Metrics()
        let exporter = try OTLPExporter(configuration, metrics: metrics)
        let storage: any Storage =
            if let url = arguments.first, url != "sqlite::memory:" { try await RedisStorage.open(url) } else { try await SQLiteStorage(at: .memory) }
        let plain = SessionStore(on: storage)
        let traced = SessionStore(on: storage, tracer: RecordingTracer(to: exporter))
        let sampled = SessionStore(on: storage, tracer: RecordingTracer(Sampler(ratio: 0.01), to: exporter))
        var hooks = Hooks()
        for _ in 0..<3 { hooks.onAppend { call, next in try await next(call) } }
        let hooked = plain.with(hooks: hooks)
        let run = "run-\(getpid())"
        let variants: [(name: String, store: SessionStore, isBare: Bool)] = [
            ("storage alone", plain, true), ("hooks and traces off", plain, false), ("three hooks", hooked, false),
            ("traces, 1 % recorded", sampled, false), ("traces, all recorded", traced, false),
        ]
        var best = [Double](repeating: .infinity, count: variants.count)
        for round in 0...rounds {
            for (index, variant) in variants.enumerated() {
                let name = "\(index)-\(round)"
                let spent = try await Self.spent(by: 16, appends) { caller in
                    let key = try SessionKey(app: "bench", user: run, id: "\(name)-\(caller)")
                    _ = try await variant.store.findOrCreate(key)
                    return {
                        if variant.isBare { _ = try await storage.append(batch, to: key) } else { _ = try await variant.store.append(batch, to: key) }
                    }
                }
                // The first round warms up.
                if round > 0 { best[index] = min(best[index], spent) }
            }
        }
        for (variant, time) in zip(variants, best) {
            print(
                "\(variant.name): \(rounded(time)) µs of processor an append, \(rounded(time / best[0])) × the storage alone, \(rounded(time / best[1])) × off"
            )
        }
        await exporter.close()
        let lines = String(decoding: metrics.exposition(), as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("baton_spans") }
        print(lines.joined(separator: "\n"))
        await storage.close()
    }

    /// Microseconds of processor time for each operation of some callers that work at the same time, as the requests of a server do. They belong to no
    /// actor: on the main one every operation would pay for its way to another thread and back.
    private static func spent(
        by callers: Int, _ count: Int, _ prepare: @escaping @Sendable (Int) async throws -> @Sendable () async throws -> Void
    ) async throws -> Double {
        try await Task.detached {
            var operations: [@Sendable () async throws -> Void] = []
            for caller in 0..<callers { operations.append(try await prepare(caller)) }
            let start = ProcessUsage.processorNanoseconds
            try await withThrowingTaskGroup(of: Void.self) { group in
                for operation in operations {
                    group.addTask { for _ in 0..<count / callers { try await operation() } }
                }
                try await group.waitForAll()
            }
            return Double(ProcessUsage.processorNanoseconds - start) / Double(count / callers * callers) / 1000
        }.value
    }

    /// A message of 500 bytes.
    private static let batch = EventBatch([try? EventDraft(.message(String(repeating: "x", count: 440), role: "user"))].compactMap(\.self))

    /// Takes whatever comes, until it is killed.
    private static func collect(at path: String) async throws {
        let server = try await HTTPServer(HTTPServer.Configuration(addresses: [SocketAddress("unix:\(path)")])) { _ in
            Response(200, body: Array("{}".utf8))
        }
        try await Task.sleep(for: .seconds(3600))
        await server.drain(within: .zero)
    }

    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}
