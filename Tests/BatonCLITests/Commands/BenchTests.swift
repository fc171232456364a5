import BatonTesting
import FoundationEssentials
import Testing

@testable import BatonCLI
@testable import BatonCore

@Suite("Measuring a store")
struct BenchTests {
    private static let short = ["bench", "--time", "10ms", "--callers", "1", "--callers", "4", "--json"]

    private func check(_ address: String, _ environment: [String: String] = [:]) async throws {
        let result = try await BatonProcess.run(Self.short, store: address)
        #expect(result.status == 0, "\(result.errors)")
        let rows = try result.lines.map { try JSON(parsing: $0) }
        let found = rows.map { [$0["operation"]?.stringValue ?? "", $0["callers"]?.description ?? ""] }
        let expected = Workload.Operation.allCases.flatMap { operation in
            (operation == .follow ? ["1"] : ["1", "4"]).map { [operation.rawValue, $0] }
        }
        #expect(found == expected)
        for row in rows {
            #expect(row["failed"]?.intValue == 0 && row["count"]?.intValue ?? 0 > 0, "\(row)")
            for name in ["perSecond", "p50Ms", "p99Ms"] { #expect(row[name].flatMap { Double($0.description) } ?? 0 > 0, "\(row)") }
        }
        #expect(try await BatonProcess.run(["sessions", "list", "baton-bench"], store: address).lines == [])
    }

    @Test("gives a line for each operation and number of callers, and leaves nothing in a file")
    func file() async throws {
        try await withTemporaryDirectory { directory in try await check("sqlite:\(directory)/a.db") }
    }

    @Test("gives the same from Redis and through a daemon, and leaves nothing there")
    func servers() async throws {
        try await RedisServer.with { server in
            let address = "redis://127.0.0.1:\(server.port)"
            try await check(address)
            try await withDaemon(store: address) { daemon in try await check(daemon.url) }
            let keys = try await server.cli("KEYS", "*:s:*")
            #expect(keys.isEmpty)
        }
    }

    @Test("compares with an earlier run, where that measured the same")
    func baseline() async throws {
        try await withTemporaryDirectory { directory in
            let file = "\(directory)/before.ndjson"
            try (#"{"operation":"append","callers":1,"perSecond":0.001}"# + "\n" + #"{"operation":"of tomorrow","callers":1,"perSecond":5}"# + "\n")
                .write(toFile: file, atomically: true, encoding: .utf8)
            let result = try await BatonProcess.run(Self.short + ["--baseline", file], store: "sqlite:\(directory)/a.db")
            let rows = try result.lines.map { try JSON(parsing: $0) }
            #expect(rows.first?["ofBaseline"].flatMap { Double($0.description) } ?? 0 > 100)
            #expect(rows.dropFirst().allSatisfy { $0["ofBaseline"] == nil })

            try "{}".write(toFile: file, atomically: true, encoding: .utf8)
            let refused = try await BatonProcess.run(Self.short + ["--baseline", file], store: "sqlite:\(directory)/a.db")
            #expect(refused.status == 65 && refused.errors.contains("line 1"))
        }
    }

    @Test("says what is allowed", arguments: [["--callers", "0"], ["--callers", "2000"], ["--time", "1ms"], ["--size", "2MiB"]])
    func refusals(words: [String]) async throws {
        let result = try await BatonProcess.run(["bench"] + words, store: "sqlite::memory:")
        #expect(result.status == 64 && result.errors.contains(words[0]) && result.errors.contains("1"), "\(result.errors)")
    }

    @Test("ranks times: half of them, and all but one in a hundred")
    func ranks() throws {
        var samples = Samples()
        samples.times = (1...200).reversed().map { .milliseconds($0) }
        let step = Workload.Step(operation: .append, callers: 1)
        let measurement = try Measurement(step, samples, took: .seconds(2))
        #expect(measurement.p50 == 100 && measurement.p99 == 198 && measurement.rate == 100 && measurement.count == 200)

        var failing = Samples()
        failing.failed(with: StoreError(.storeUnavailable, "gone"))
        #expect(throws: StoreError.self) { try Measurement(step, failing, took: .seconds(1)) }
    }
}
