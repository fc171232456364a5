import BatonCore
import BatonTesting
import Testing

@Suite("baton append")
struct AppendTests {
    private static func line(_ number: Int) -> String { #"{"id":"e\#(number)","content":{"n":\#(number)}}"# + "\n" }

    @Test("receipts come in the order of the events, and a repetition stores nothing")
    func replay() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            let input = (1...250).map(Self.line).joined()
            for isDuplicate in [false, true] {
                let result = try await BatonProcess.run("append --create demo/ann/first --batch 60", store: store, input: input)
                #expect(result.status == 0, "\(result.errors)")
                let receipts = try result.json()
                #expect(receipts.map { $0["seq"]?.intValue } == (1...250).map { $0 })
                #expect(receipts.allSatisfy { $0["duplicate"]?.description == "\(isDuplicate)" })
            }
        }
    }

    @Test("a mistake is named with its line; what came before it is stored, what comes after is not")
    func mistakes() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            let input = Self.line(1) + "\n" + Self.line(2) + #"{"id":"bad","content":1,"rolle":"user"}"# + "\n" + Self.line(3)
            let result = try await BatonProcess.run("append --create demo/ann/first", store: store, input: input)
            #expect(result.status == 65)
            #expect(result.errors.contains("line 4: event.rolle is not a known field"))
            let events = try await BatonProcess.run("events demo/ann/first", store: store).json()
            #expect(events.map { $0["id"]?.stringValue } == ["e1", "e2"])
        }
    }

    @Test(
        "a durability that the store cannot promise is a mistake of the command line",
        arguments: [
            ("sqlite:%/a.db", "wait:1:500ms", "full or normal"), ("sqlite::memory:", "memory", "full or normal"),
            ("redis://127.0.0.1:1", "full", "memory or wait:REPLICAS:TIME"), ("sqlite:%/a.db", "wait:0:1s", "wait:REPLICAS:TIME"),
        ])
    func durability(_ store: String, _ durability: String, _ allowed: String) async throws {
        try await withTemporaryDirectory { directory in
            let store = store.replacing("%", with: directory)
            let result = try await BatonProcess.run("append demo/ann/first --durability \(durability) --content x", store: store)
            #expect(result.status == 64)
            #expect(result.errors.contains("--durability"))
            #expect(result.errors.contains(allowed), "\(result.errors)")
        }
    }

    @Test("under an idempotency key the whole input is one request")
    func idempotencyKey() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            let input = (1...5).map { #"{"content":\#($0)}"# + "\n" }.joined()
            let arguments = "append --create demo/ann/first --idempotency-key run-1 --batch 2"
            let first = try await BatonProcess.run(arguments, store: store, input: input)
            let second = try await BatonProcess.run(arguments, store: store, input: input)
            #expect(first.status == 0 && second.status == 0)
            #expect(try second.json().allSatisfy { $0["duplicate"]?.description == "true" })
            let other = try await BatonProcess.run(arguments, store: store, input: #"{"content":"other"}"#)
            #expect(other.status == 65)
            let broken = try await BatonProcess.run("append --create demo/ann/other --idempotency-key k", store: store, input: Self.line(1) + "{")
            #expect(broken.status == 65)
            #expect(try await BatonProcess.run("events demo/ann/other", store: store).status == 66)
        }
    }

    @Test("options of one text and files exclude each other")
    func usage() async throws {
        for line in [
            "append demo/ann/first --content x file", "append demo/ann/first --role user", "append demo/ann", "append", "append a/b/c --batch 0",
        ] {
            let result = try await BatonProcess.run(line, store: "sqlite::memory:")
            #expect(result.status == 64, "\(line)")
            #expect(result.errors.contains("--help"), "\(line)")
        }
        let absent = try await BatonProcess.run("append demo/ann/first /nowhere/at/all", store: "sqlite::memory:")
        #expect(absent.status == 66)
    }

    @Test("a daemon that is away is waited for, and nothing is stored twice")
    func waitsForTheDaemon() async throws {
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/a.db") { daemon in
                await daemon.kill()
                let process = try BatonProcess.start(["append", "--create", "demo/ann/first"], store: daemon.url, input: #"{"content":"patient"}"#)
                try await eventually("it says that it tries again") {
                    String(decoding: process.errors, as: UTF8.self).contains("trying again")
                }
                try await daemon.restart()
                #expect(await process.exit() == 0)
                let events = try await BatonProcess.run("events demo/ann/first", store: daemon.url).json()
                #expect(events.map { $0["content"]?.stringValue } == ["patient"])
                #expect(String(decoding: process.output, as: UTF8.self).contains(#""duplicate":false"#))
                await daemon.kill()
                let impatient = try await BatonProcess.run("append demo/ann/first --retry 0s --content x", store: daemon.url)
                #expect(impatient.status == 69)
                try await daemon.restart()
            }
        }
    }
}
