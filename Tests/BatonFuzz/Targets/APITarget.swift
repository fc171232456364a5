import BatonCore
import BatonHTTP
import BatonSQLite
import BatonTelemetry

@testable import BatonServer

/// Answers whole requests on a store in memory: none of them is the daemon's failure.
enum APITarget {
    static func run(_ bytes: [UInt8]) async throws(Violation) {
        for var request in RequestsTarget.parse([bytes[...]]).requests.prefix(8) {
            // Whoever asks waits for nothing here.
            guard request.rawQuery?.contains("wait") != true, !request.body.contains(sequence: "wait") else { continue }
            request.host = "localhost"
            guard let api = await DaemonUnderTest.shared.api() else { throw Violation(description: "a store in memory opens") }
            let response = await api.respond(to: request)
            try Violation.unless(
                response.status.code < 500, "\(request.method) \(request.path) \(request.rawQuery ?? "") is answered \(response.status)")
        }
    }
}

/// One API for many inputs, and now and then a fresh one, so that the store stays small.
private actor DaemonUnderTest {
    static let shared = DaemonUnderTest()
    private var current: API?
    private var uses = 0

    func api() async -> API? {
        uses += 1
        if uses.isMultiple(of: 512) { current = nil }
        if let current { return current }
        guard let storage = try? await SQLiteStorage(at: .memory, configuration: SQLiteConfiguration(), policy: StorePolicy()) else { return nil }
        let store = SessionStore(on: storage)
        let access = Access(store: store, isRequired: false, allowedHosts: [], allowedOrigins: [])
        let api = API(store: store, access: access, metrics: Metrics(), logger: .disabled)
        current = api
        return api
    }
}

extension [UInt8] {
    fileprivate func contains(sequence text: StaticString) -> Bool {
        text.withUTF8Buffer { wanted in indices.contains { self[$0...].starts(with: wanted) } }
    }
}
