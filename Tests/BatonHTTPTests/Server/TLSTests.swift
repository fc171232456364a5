import BatonIO
import BatonTesting
import Testing

@testable import BatonHTTP

@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    private func withTLS(
        clients: (TestCertificates) -> TLSServerContext.ClientCertificates = { _ in .ignored }, handler: @escaping HTTPServer.Handler = echo,
        _ body: (HTTPServer, TestCertificates, TLSServerContext) async throws -> Void
    ) async throws {
        let certificates = try await TestCertificates()
        let identity = TLSIdentity(certificateChain: certificates.server.certificate, privateKey: certificates.server.key)
        let context = try TLSServerContext(identity: identity, clientCertificates: clients(certificates))
        try await withServer({ $0.tls = context }, handler: handler) { server, _ in try await body(server, certificates, context) }
        await certificates.remove()
    }

    private func client(of server: HTTPServer, _ tls: TLSClientContext) throws -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.tls = tls
        return try HTTPClient("https://localhost:\(server.addresses[0].port ?? 0)", configuration, on: EventLoop.current)
    }

    @Test func requestsAndStreamsAreCarried() async throws {
        let handler: HTTPServer.Handler = { request in
            guard request.path == "/events" else { return Response(200, body: request.body) }
            return .events { stream in
                for number in 1...50 { stream.push(EventStreamEncoder.event(id: "\(number)", data: [UInt8](repeating: 97, count: 3000))) }
            }
        }
        try await withTLS(handler: handler) { server, certificates, _ in
            let client = try client(of: server, try TLSClientContext(authorities: certificates.authority))
            let body = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
            let reply = try await client.send(Request(.post, "/", body: body))
            #expect(reply.body == body)
            var ids: [String] = []
            for try await event in client.events("/events") {
                ids.append(event.id)
                if ids.count == 50 { break }
            }
            #expect(ids == (1...50).map(String.init))
            await client.close()
        }
    }

    @Test func aServerNobodyVouchesForIsRefused() async throws {
        try await withTLS { server, certificates, _ in
            let client = try client(of: server, try TLSClientContext(authorities: certificates.otherAuthority))
            let error = await #expect(throws: HTTPError.self) { try await client.send(Request(.get, "/")) }
            #expect(error?.code == .unreachable)
            #expect((error?.underlying as? IOError)?.code == .tls)
            await client.close()
        }
    }

    @Test func aHandlerSeesWhoShowedACertificate() async throws {
        try await withTLS(clients: { .optional(authorities: $0.authority) }, handler: { .text(200, $0.clientCertificateSubject ?? "nobody") }) {
            server, certificates, _ in
            let identity = TLSIdentity(certificateChain: certificates.client.certificate, privateKey: certificates.client.key)
            let known = try client(of: server, try TLSClientContext(authorities: certificates.authority, identity: identity))
            let subject = try await known.send(Request(.get, "/")).text
            #expect(subject.contains("CN=client"))
            let unknown = try client(of: server, try TLSClientContext(authorities: certificates.authority))
            let nobody = try await unknown.send(Request(.get, "/")).text
            #expect(nobody == "nobody")
            await known.close()
            await unknown.close()
        }
    }

    @Test func reloadingKeepsConnectionsAndServesNewOnes() async throws {
        try await withTLS { server, certificates, context in
            let trust = try TLSClientContext(authorities: certificates.authority)
            let kept = try client(of: server, trust)
            _ = try await kept.send(Request(.get, "/healthz"))
            try context.reload()
            let fresh = try client(of: server, trust)
            for client in [kept, fresh] {
                let text = try await client.send(Request(.get, "/healthz")).text
                #expect(text == "ok")
                await client.close()
            }
        }
    }

    @Test func plainTextToAnEncryptedPortIsClosed() async throws {
        try await withTLS { server, _, _ in
            let wire = try await Wire(to: server.addresses[0])
            await wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try await eventually { wire.hasEnded }
            #expect(!wire.text.contains("HTTP/1.1 200"))
            try await eventually { await server.connectionCount() == 0 }
        }
    }

    @Test func drainDoesNotWaitForAHandshake() async throws {
        try await withTLS { server, _, _ in
            let wire = try await Wire(to: server.addresses[0])
            try await eventually { await server.connectionCount() == 1 }
            let begin = ContinuousClock.now
            await server.drain(within: .seconds(60))
            #expect(ContinuousClock.now - begin < .seconds(50))
            await wire.close()
        }
    }
}
