import Baton
import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@Suite("A spool on the command line")
struct SpoolTests {
    @Test("shows what has failed beside a daemon that uses it; replays it when its cause is gone, or forgets it")
    func failures() async throws {
        try await withTemporaryDirectory { directory in
            let (file, spool) = ("sqlite:\(directory)/a.db", "\(directory)/spool.db")
            try await withDaemon(store: file, ["--spool", spool]) { daemon in
                let client = try HTTPClient(daemon.url)
                func post(_ session: String, _ content: Int) async throws -> Int {
                    let request = Request(
                        .post, "/v1/apps/demo/users/ann/sessions/\(session)/events",
                        headers: ["Content-Type": "application/json", "Prefer": "respond-async"], body: Array(#"{"content":\#(content)}"#.utf8))
                    return Int(try await client.send(request).status.code)
                }
                #expect(try await BatonProcess.run("append --create demo/ann/there --content x", store: daemon.url).status == 0)
                #expect(try await post("there", 1) == 202)
                for content in 2...4 { #expect(try await post("absent", content) == 202) }
                try await eventually("they have failed") { try await BatonProcess.run(["spool", "list", spool]).lines.count == 3 }
                #expect(try await BatonProcess.run("events demo/ann/there", store: daemon.url).lines.count == 2)
                #expect(try await BatonProcess.run(["spool", "discard", spool, "--all"]).status == 75)
                let metrics = try await client.send(Request(.get, "/metrics")).text
                #expect(metrics.contains("baton_store_write_behind_spool_failed 3"))
                await client.close()
            }
            let failed = try await BatonProcess.run(["spool", "list", spool]).json()
            #expect(failed.compactMap { $0["code"]?.stringValue } == Array(repeating: "not_found", count: 3))
            #expect(failed.compactMap { $0["events"]?.elements?.first?["content"]?.intValue } == [2, 3, 4])
            let number = try #require(failed[0]["number"]?.intValue)
            #expect(try await BatonProcess.run(["spool", "discard", spool, "\(number)", "99"]).status == 66)
            #expect(try await BatonProcess.run(["spool", "discard", spool]).status == 64)
            var replay = try await BatonProcess.run(["spool", "replay", spool, "--failed"], store: file)
            #expect(replay.status == 65 && replay.errors.contains("not_found"))
            #expect(try await BatonProcess.run("sessions create demo/ann/absent", store: file).status == 0)
            replay = try await BatonProcess.run(["spool", "replay", spool, "--failed"], store: file)
            #expect(try replay.status == 0 && replay.json().first?["stored"]?.intValue == 2)
            let contents = try await BatonProcess.run("events demo/ann/absent", store: file).json().map { $0["content"]?.intValue }
            #expect(contents == [3, 4])
            #expect(try await BatonProcess.run(["spool", "list", spool]).output.isEmpty)
            #expect(try await BatonProcess.run(["spool", "list", "\(directory)/none"]).status == 66)
        }
    }
}
