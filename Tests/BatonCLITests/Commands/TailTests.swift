import BatonCore
import BatonTesting
import Testing

@Suite("baton tail")
struct TailTests {
    @Test("it survives a kill of the daemon and its return, without gap or duplicate")
    func survivesRestart() async throws {
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/a.db") { daemon in
                func append(_ numbers: ClosedRange<Int>) async throws {
                    let input = numbers.map { #"{"id":"e\#($0)","content":\#($0)}"# + "\n" }.joined()
                    let result = try await BatonProcess.run("append --create demo/ann/first", store: daemon.url, input: input)
                    #expect(result.status == 0, "\(result.errors)")
                }
                try await append(1...3)
                let tail = try BatonProcess.start(["tail", "demo/ann/first", "--until-seq", "9"], store: daemon.url)
                defer { tail.send(signal: 9) }
                func seen() throws -> [Int?] {
                    try String(decoding: tail.output, as: UTF8.self).split(separator: "\n").map { try JSON(parsing: String($0))["seq"]?.intValue }
                }
                try await eventually("what was there is seen") { try seen() == [1, 2, 3] }
                try await append(4...5)
                try await eventually("what comes is seen") { try seen().count == 5 }
                await daemon.kill()
                try await daemon.restart()
                try await append(6...7)
                try await eventually("what comes after the restart is seen") { try seen().count == 7 }
                await daemon.kill()
                // Written while nobody served the file.
                _ = try await BatonProcess.run("append demo/ann/first --content between --id e8", store: "sqlite:\(directory)/a.db")
                try await daemon.restart()
                try await append(9...9)
                #expect(await tail.exit() == 0)
                #expect(try seen() == Array(1...9))
            }
        }
    }

    @Test("on a file it sees what other processes append, and ends when the session is deleted")
    func twoProcessesOnOneFile() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            let tail = try BatonProcess.start(["tail", "demo/ann/first", "--wait"], store: store)
            defer { tail.send(signal: 9) }
            let total = 60
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 1...3 {
                    group.addTask {
                        let input = (1...total / 3).map { #"{"id":"w\#(writer)-\#($0)","content":\#($0)}"# + "\n" }.joined()
                        let result = try await BatonProcess.run("append --create --batch 1 demo/ann/first", store: store, input: input)
                        #expect(result.status == 0, "\(result.errors)")
                    }
                }
                try await group.waitForAll()
            }
            try await eventually("every event is seen") { tail.output.count { $0 == 0x0A } == total }
            let seen = try String(decoding: tail.output, as: UTF8.self).split(separator: "\n").map { try JSON(parsing: String($0)) }
            #expect(seen.map { $0["seq"]?.intValue } == Array(1...total))
            for writer in 1...3 {
                let ids = seen.compactMap { $0["id"]?.stringValue }.filter { $0.hasPrefix("w\(writer)-") }
                #expect(ids == (1...total / 3).map { "w\(writer)-\($0)" })
            }
            #expect(try await BatonProcess.run("sessions delete demo/ann/first", store: store).status == 0)
            #expect(await tail.exit() == 0)
        }
    }
}
