internal import Glibc

/// Measures one part of the product: `swift run -c release BatonBenchmarks <part> [arguments]`.
@main
enum Benchmarks {
    private static let parts: [(name: String, run: @Sendable ([String]) async throws -> Void)] = [
        ("daemon", DaemonBenchmark.run),
        ("http", HTTPBenchmark.run),
        ("io", IOBenchmark.run),
        ("sqlite", SQLiteBenchmark.run),
        ("redis", RedisBenchmark.run),
        ("redis-store", RedisStoreBenchmark.run),
        ("branches", BranchBenchmark.run),
        ("redis-topics", RedisTopicsBenchmark.run),
        ("topic-followers", TopicFollowersBenchmark.run),
        ("tokens", TokenBenchmark.run),
        ("tracing", TracingBenchmark.run),
        ("tracks", TrackBenchmark.run),
        ("write-behind", WriteBehindBenchmark.run),
    ]

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let part = parts.first(where: { $0.name == arguments.first }) else {
            print("usage: BatonBenchmarks \(parts.map(\.name).joined(separator: "|"))")
            exit(64)
        }
        try await part.run(Array(arguments.dropFirst()))
    }
}
