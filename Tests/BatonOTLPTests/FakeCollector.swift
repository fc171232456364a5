import BatonHTTP
import BatonIO
import BatonTesting
import Testing

/// A collector: a real server on a free port that answers what a test says, and remembers what it was sent.
final class FakeCollector: Sendable {
    /// What a test answers: the request, and how many came before it.
    typealias Answer = @Sendable (Request, Int) async throws -> Response

    private let server: HTTPServer
    private let seen: Guarded<[Request]>

    /// Every request, in the order of arrival.
    var requests: [Request] { seen.withLock { $0 } }
    var bodies: [String] { requests.map { String(decoding: $0.body, as: UTF8.self) } }
    /// How many spans came, duplicates included.
    var spanCount: Int { bodies.reduce(0) { $0 + $1.split(separator: #""parentSpanId""#, omittingEmptySubsequences: false).count - 1 } }
    var endpoint: String { "http://127.0.0.1:\(server.addresses[0].port ?? 0)/v1/traces" }

    static let accepting: Answer = { _, _ in Response(200, headers: ["Content-Type": "application/json"], body: Array("{}".utf8)) }

    init(port: UInt16 = 0, _ answer: @escaping Answer = FakeCollector.accepting) async throws {
        let seen = Guarded<[Request]>([])
        self.seen = seen
        server = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: port)])) { request in
            let before = seen.withLock { seen in
                seen.append(request)
                return seen.count - 1
            }
            return try await answer(request, before)
        }
    }

    var port: UInt16 { server.addresses[0].port ?? 0 }

    func stop() async { await server.drain(within: .zero) }
}
