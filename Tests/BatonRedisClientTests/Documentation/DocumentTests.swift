import BatonTelemetry
import BatonTesting
import Glibc
import Testing

@testable import BatonRedisClient

@Suite("docs/REDIS_CLIENT.md")
struct DocumentTests {
    private func text(_ path: String) throws -> [Substring] {
        let file = try #require(fopen(path, "r"), "\(path)")
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The lines without the indentation that all of them share.
    private func flush(_ lines: some Collection<Substring>) -> [Substring] {
        let indentation = lines.lazy.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return lines.map { $0.dropFirst(indentation) }
    }

    @Test("shows code that is compiled and run here")
    func code() throws {
        let folder = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let compiled = try text(folder + "/DocumentExamples.swift")
        var paragraphs: [[Substring]] = []
        var isCode = false
        for line in try text(folder + "/../../../docs/REDIS_CLIENT.md") {
            if line.hasPrefix("```") {
                isCode = line == "```swift"
                paragraphs.append([])
            } else if isCode, line.isEmpty {
                paragraphs.append([])
            } else if isCode {
                paragraphs[paragraphs.count - 1].append(line)
            }
        }
        paragraphs.removeAll(where: \.isEmpty)
        #expect(paragraphs.count >= 14)
        for paragraph in paragraphs {
            let isCompiled = compiled.indices.contains { start in
                guard start + paragraph.count <= compiled.count else { return false }
                return flush(compiled[start..<start + paragraph.count]) == paragraph
            }
            #expect(isCompiled, "not in DocumentExamples.swift:\n\(paragraph.joined(separator: "\n"))")
        }
    }

    @Test("shows code that does what it says")
    func run() async throws {
        await DocumentExamples.end(try DocumentExamples.make())
        let configuration = try DocumentExamples.configure { "token" }
        #expect(configuration.credentials.description == "provider")
        #expect(configuration.tls != nil)
        try await RedisServer.with { server in
            let registry = Metrics()
            let client = try DocumentExamples.measure(.patient("redis://127.0.0.1:\(server.port)"), registry)
            let (value, raw) = try await DocumentExamples.begin(client)
            #expect(value == Array("hello".utf8))
            #expect(raw.string == "embstr")
            #expect(try await client.send(DocumentExamples.IdleTime(key: "greeting")) < 60)
            #expect(try await DocumentExamples.together(client) == (0, nil, 1))
            #expect(try await DocumentExamples.script(client) == 1)
            #expect(try await DocumentExamples.script(client) == 0)
            let id = try await client.send(XADD("jobs", [("do", "it")]))
            #expect(try await DocumentExamples.wait(client) == id)
            try await DocumentExamples.watch(client)
            #expect(try await client.send(GET("stock")) == Array("-2".utf8))
            let outcome = await DocumentExamples.fail(client)
            #expect(outcome.isKnown || outcome.code == .timeout)

            let shown = Log()
            let listener = Task {
                try await DocumentExamples.listen(client) { shown.append($0.map { String(decoding: $0, as: UTF8.self) } ?? "gap") }
            }
            try await eventually("it listens") { try await client.send(PUBLISH("news", "now")) > 0 && !shown.lines.isEmpty }
            #expect(shown.lines.first == "now")
            #expect(String(decoding: registry.exposition(), as: UTF8.self).contains("redis_client_command_seconds_count{command=\"XADD\"} 1"))
            await DocumentExamples.end(client)
            try await listener.value
        }
    }
}
