import BatonCore
import BatonTesting
import Glibc
import Testing

@Suite("baton doctor")
struct DoctorTests {
    @Test("a sound store is well")
    func sound() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            _ = try await BatonProcess.run("append --create demo/ann/first --content x", store: store)
            let result = try await BatonProcess.run("doctor", store: store)
            #expect(result.status == 0, "\(result.output)")
            let checks = try result.json().filter { $0["check"] != nil }
            #expect(checks.compactMap { $0["check"]?.stringValue } == ["store", "integrity", "log", "permissions", "health", "disk", "descriptors"])
            chmod("\(directory)/a.db", 0o644)
            let open = try await BatonProcess.run("doctor", store: store)
            #expect(open.status == 0)
            #expect(try open.json().contains { $0["check"]?.stringValue == "permissions" && $0["status"]?.stringValue == "warning" })
        }
    }

    @Test("a damaged file, another program's file and an absent daemon are errors with advice")
    func broken() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/a.db"
            let lines = (1...400).map { #"{"content":"\#($0) \#(String(repeating: "x", count: 200))"}"# + "\n" }.joined()
            _ = try await BatonProcess.run("append --create demo/ann/first", store: "sqlite:\(path)", input: lines)
            // Garbage over pages in the middle of the file.
            let file = try #require(fopen(path, "r+"))
            fseek(file, 0, SEEK_END)
            let length = ftell(file)
            fseek(file, length / 2, SEEK_SET)
            fputs(String(repeating: "garbage", count: 3000), file)
            fclose(file)
            let damaged = try await BatonProcess.run("doctor", store: "sqlite:\(path)")
            #expect(damaged.status == 69, "\(damaged.output)")
            #expect(damaged.output.contains("backup"))
        }
        let absent = try await BatonProcess.run("doctor", store: "http://127.0.0.1:1")
        #expect(absent.status == 69)
        let findings = try absent.json().filter { $0["status"]?.stringValue == "error" }
        #expect(findings.count == 1 && findings[0]["advice"] != nil)
    }

    @Test("every setting is shown with where it came from, and no secret")
    func settings() async throws {
        let result = try await BatonProcess.run(
            "doctor --drain 5s", store: "http://user:hunter2@127.0.0.1:1", environment: ["BATON_TOKEN": "s3cret", "BATON_LOOPS": "2"])
        #expect(result.status != 0)
        #expect(!result.output.contains("hunter2") && !result.output.contains("s3cret"))
        #expect(!result.errors.contains("hunter2") && !result.errors.contains("s3cret"))
        let options = try result.json().filter { $0["option"] != nil }
        func source(_ name: String) -> String? { options.first { $0["option"]?.stringValue == name }?["source"]?.stringValue }
        #expect(source("drain") == "flag")
        #expect(source("loops") == "BATON_LOOPS")
        #expect(source("token") == "BATON_TOKEN")
        #expect(source("max-body") == "default")
    }
}
