import BatonCore
import BatonTesting
import Glibc
import Testing

@Suite("baton serve")
struct ServeTests {
    @Test("it says where it listens, and drains on SIGTERM")
    func announces() async throws {
        try await withTemporaryDirectory { directory in
            let pidFile = "\(directory)/pid"
            let process = try ChildProcess(
                "bash",
                [
                    "-c", "exec \"$0\" \"$@\" 5>\"\(directory)/ready\"", BatonProcess.binary, "serve", "--listen", "127.0.0.1:0", "--listen",
                    "unix:\(directory)/socket", "--store", "sqlite::memory:", "--ready-fd", "5", "--pid-file", pidFile,
                ])
            defer { process.send(signal: SIGKILL) }
            try await eventually("the addresses are written") { try read("\(directory)/ready").contains("unix:") }
            let addresses = try read("\(directory)/ready").split(separator: "\n").map(String.init)
            #expect(addresses.count == 2 && addresses[0].hasPrefix("http://127.0.0.1:") && addresses[1] == "unix:\(directory)/socket")
            #expect(try read(pidFile) == "\(process.identifier)\n")
            for store in [addresses[0], "http+unix:\(directory)/socket"] {
                let result = try await BatonProcess.run("append --create demo/ann/first --content x", store: store)
                #expect(result.status == 0, "\(result.errors)")
            }
            process.send(signal: SIGTERM)
            #expect(await process.exit() == 0)
            #expect(access(pidFile, F_OK) != 0)
        }
    }

    @Test("what cannot work is refused before anything is served")
    func refusals() async throws {
        for (line, status) in [
            ("serve --store http://127.0.0.1:4437", 64), ("serve --listen nowhere", 64), ("serve --tls-cert x.pem", 64),
            ("serve --store mongodb://localhost", 64), ("serve --store redis://127.0.0.1:1 --listen 127.0.0.1:0", 69), ("serve --drain forever", 64),
            ("serve --session-ttl 1ms --store sqlite::memory:", 64),
            ("serve --store sqlite:/nowhere/at/all.db --listen 127.0.0.1:0", 69),
            ("serve --store sqlite::memory: --listen 0.0.0.0:0", 77), ("serve --config /nowhere/at/all.toml", 64),
        ] as [(String, Int32)] {
            let result = try await BatonProcess.run(line)
            #expect(result.status == status, "\(line): \(result.errors)")
            #expect(!result.errors.isEmpty, "\(line)")
        }
    }

    @Test("a port that is taken is an error that says so")
    func takenPort() async throws {
        try await withDaemon(store: "sqlite::memory:") { daemon in
            let result = try await BatonProcess.run(["serve", "--store", "sqlite::memory:", "--listen", String(daemon.url.dropFirst(7))])
            #expect(result.status == 69)
            #expect(result.errors.contains("in use"), "\(result.errors)")
        }
    }

    @Test("limits and lifetimes of the options, the variables and the file count")
    func keeping() async throws {
        try await withTemporaryDirectory { directory in
            try write("max-events = 3\nsession-ttl = \"1h\"\nlisten = [\"127.0.0.1:0\"]\n", to: "\(directory)/baton.toml")
            try await withDaemon(store: "sqlite:\(directory)/a.db", ["--config", "\(directory)/baton.toml"]) { daemon in
                let input = (1...5).map { #"{"content":\#($0)}"# + "\n" }.joined()
                #expect(try await BatonProcess.run("append --create demo/ann/first", store: daemon.url, input: input).status == 0)
                let session = try await BatonProcess.run("sessions show demo/ann/first", store: daemon.url).json()[0]
                #expect(session["eventCount"]?.intValue == 3)
                #expect(session["ttl"]?.intValue == 3600)
                // What was trimmed is gone, and the message says where to go on.
                let gone = try await BatonProcess.run("tail demo/ann/first --after 1", store: daemon.url)
                #expect(gone.status == 66 && gone.errors.contains("--after 0"), "\(gone.errors)")
                #expect(try await BatonProcess.run("tail demo/ann/first --count 3", store: daemon.url).lines.count == 3)
            }
        }
    }

    private func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }
}
