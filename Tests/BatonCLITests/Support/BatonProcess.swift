import BatonCore
import BatonTesting
import Glibc
import Testing

/// The program under test, as a child process.
enum BatonProcess {
    struct Result {
        let status: Int32
        let output: String
        let errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
        /// Standard output as one JSON value a line.
        func json() throws -> [JSON] { try lines.map { try JSON(parsing: $0) } }
    }

    static let binary = BuiltProduct.path("baton")

    static func run(
        _ arguments: [String], store: String? = nil, input: String = "", environment: [String: String] = [:]
    ) async throws -> Result {
        var environment = environment
        if let store { environment["BATON_STORE"] = store }
        let (status, output, errors) = try await ChildProcess.run(binary, arguments, input: Array(input.utf8), environment: environment)
        return Result(status: status, output: output, errors: errors)
    }

    static func run(_ line: String, store: String? = nil, input: String = "", environment: [String: String] = [:]) async throws -> Result {
        try await run(line.split(separator: " ").map(String.init), store: store, input: input, environment: environment)
    }

    static func start(_ arguments: [String], store: String? = nil, input: String = "") throws -> ChildProcess {
        try ChildProcess(binary, arguments, input: Array(input.utf8), environment: store.map { ["BATON_STORE": $0] } ?? [:])
    }
}

/// Why a test could not go on.
struct Misfortune: Error, CustomStringConvertible {
    let description: String
}

/// A directory that is gone with the test.
func withTemporaryDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    var template = Array("/tmp/baton-cli-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Misfortune(description: "make a directory: errno \(errno)") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do {
        let value = try await body(path)
        try await remove(path)
        return value
    } catch {
        try await remove(path)
        throw error
    }
}

private func remove(_ path: String) async throws { _ = try await ChildProcess.run("rm", ["-rf", path]) }

/// `baton serve` as a child process.
final class DaemonProcess {
    private(set) var process: ChildProcess
    let url: String
    private let arguments: [String]

    /// Starts a daemon on a free port.
    init(store: String, _ options: [String] = []) async throws {
        process = try DaemonProcess.launch(["--listen", "127.0.0.1:0", "--store", store] + options)
        url = try await DaemonProcess.address(of: process)
        arguments = ["--listen", String(url.dropFirst("http://".count)), "--store", store] + options
    }

    /// Ends it without a chance to say goodbye.
    func kill() async {
        process.send(signal: SIGKILL)
        await process.exit()
    }

    /// Starts it again at the same address.
    func restart() async throws {
        process = try DaemonProcess.launch(arguments)
        _ = try await DaemonProcess.address(of: process)
    }

    @discardableResult
    func stop() async -> Int32 { await process.stop() }

    private static func launch(_ arguments: [String]) throws -> ChildProcess {
        try BatonProcess.start(["serve", "--log-level", "warning"] + arguments)
    }

    /// What it says when it is ready.
    private static func address(of process: ChildProcess) async throws -> String {
        var address: String?
        try await eventually("the daemon listens") {
            let text = String(decoding: process.errors, as: UTF8.self)
            address = text.split(separator: "\n").first { $0.hasPrefix("listening on ") }.map { String($0.dropFirst("listening on ".count)) }
            if address == nil, let status = process.status { throw Misfortune(description: "the daemon ended with \(status): \(text)") }
            return address != nil
        }
        return address ?? ""
    }
}

/// A daemon that is stopped with the test.
func withDaemon<Value>(store: String, _ options: [String] = [], _ body: (DaemonProcess) async throws -> Value) async throws -> Value {
    let daemon = try await DaemonProcess(store: store, options)
    do {
        let value = try await body(daemon)
        await daemon.stop()
        return value
    } catch {
        await daemon.stop()
        throw error
    }
}
