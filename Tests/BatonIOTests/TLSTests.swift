import BatonIO
import BatonTesting
import Glibc
import Synchronization
import Testing

@Suite("TLS")
struct TLSTests {
    /// A server that echoes over TLS, the certificates, and a loop.
    private func withServer(
        _ certificate: KeyPath<TestCertificates, (certificate: String, key: String)> = \.server,
        clients: (TestCertificates) -> TLSServerContext.ClientCertificates = { _ in .ignored },
        _ body: (EventLoop, Listener, TestCertificates, TLSServerContext) async throws -> Void
    ) async throws {
        let certificates = try await TestCertificates()
        let files = certificates[keyPath: certificate]
        try await withLoop { loop in
            let context = try TLSServerContext(
                identity: TLSIdentity(certificateChain: files.certificate, privateKey: files.key), clientCertificates: clients(certificates))
            var options = Listener.Options()
            options.tls = context
            let listener = try await Listener(at: .loopback(port: 0), on: loop, options: options) { _ in Echo() }
            try await body(loop, listener, certificates, context)
        }
        await certificates.remove()
    }

    private func localhost(_ listener: Listener) throws -> Endpoint {
        .host("localhost", port: try #require(listener.address.port))
    }

    @Test("carries more than many records in both directions at once")
    func echo() async throws {
        try await withServer { loop, listener, certificates, _ in
            let client = try TLSClientContext(authorities: certificates.authority)
            let (channel, recorder) = try await Channel.recorded(to: try localhost(listener), on: loop, tls: client)
            let message = [UInt8](patterned: 3_000_000)
            await loop.run {
                #expect(channel.isEncrypted)
                for start in stride(from: 0, to: message.count, by: 30_000) { channel.append(Array(message[start..<start + 30_000])) }
                channel.flush()
                channel.closeOutput()
            }
            #expect(await eventually { recorder.hasInputEnded })
            #expect(recorder.bytes == message)
            await loop.run { channel.close() }
        }
    }

    @Test("puts small pieces together and delivers them in order")
    func smallPieces() async throws {
        try await withServer { loop, listener, certificates, _ in
            let client = try TLSClientContext(authorities: certificates.authority)
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop, tls: client)
            let message = [UInt8](patterned: 50_000)
            for start in stride(from: 0, to: message.count, by: 5000) {
                await loop.run { for index in start..<start + 5000 { channel.append([message[index]]) } }
                await loop.run { channel.flush() }
            }
            #expect(await eventually { recorder.bytes.count == message.count })
            #expect(recorder.bytes == message)
            await loop.run { channel.closeAfterFlush(by: .after(.seconds(5))) }
            #expect(await eventually { recorder.isClosed })
            #expect(recorder.error == nil)
        }
    }

    @Test("accepts a certificate for the address that was asked for, and no name it is not for")
    func hostVerification() async throws {
        try await withServer { loop, listener, certificates, _ in
            let trusting = try TLSClientContext(authorities: certificates.authority)
            let channel = try await Channel.connect(to: .address(listener.address), on: loop, tls: trusting, deadline: .after(.seconds(5)))
            await loop.run { channel.close() }

            for name in ["example.org", "127.0.0.2"] {
                let context = try TLSClientContext(authorities: certificates.authority, serverName: name)
                let error = await failure {
                    try await Channel.connect(to: .address(listener.address), on: loop, tls: context, deadline: .after(.seconds(5)))
                }
                #expect(error?.code == .tls)
                #expect(error?.message.contains("mismatch") == true)
            }
        }
    }

    @Test("refuses a certificate nobody trusted vouches for")
    func untrusted() async throws {
        try await withServer { loop, listener, certificates, _ in
            for authorities in [certificates.otherAuthority, nil] {
                let context = try TLSClientContext(authorities: authorities)
                let error = await failure {
                    try await Channel.connect(to: .address(listener.address), on: loop, tls: context, deadline: .after(.seconds(5)))
                }
                #expect(error?.code == .tls)
                #expect(error?.message.contains("certificate verify failed") == true)
            }
            #expect(await eventually { await loop.run { listener.connectionCount == 0 } })
        }
    }

    @Test("refuses an expired certificate and says so")
    func expired() async throws {
        try await withServer(\.expired) { loop, listener, certificates, _ in
            let context = try TLSClientContext(authorities: certificates.authority)
            let error = await failure {
                try await Channel.connect(to: .address(listener.address), on: loop, tls: context, deadline: .after(.seconds(5)))
            }
            #expect(error?.code == .tls)
            #expect(error?.message.contains("expired") == true)
        }
    }

    @Test("asks clients for certificates, and knows who they are")
    func mutual() async throws {
        try await withServer(clients: { .required(authorities: $0.authority) }) { loop, listener, certificates, _ in
            let identity = TLSIdentity(certificateChain: certificates.client.certificate, privateKey: certificates.client.key)
            let known = try TLSClientContext(authorities: certificates.authority, identity: identity)
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop, tls: known)
            await loop.run { channel.write([1, 2, 3]) }
            #expect(await eventually { recorder.bytes == [1, 2, 3] })
            await loop.run {
                #expect(channel.peerCertificateSubject == "CN=server")
                channel.close()
            }

            // With TLS 1.3 the client's part is over before the server has looked at its certificate: the refusal comes as input.
            let anonymous = try TLSClientContext(authorities: certificates.authority)
            let (refused, told) = try await Channel.recorded(to: .address(listener.address), on: loop, tls: anonymous)
            await loop.run { refused.write([1, 2, 3]) }
            #expect(await eventually { told.isClosed })
            #expect(told.error?.code == .tls)
            #expect(told.bytes.isEmpty)
        }
    }

    @Test("resumes a session with the same server, until the server reads its files again")
    func resumption() async throws {
        try await withServer { loop, listener, certificates, context in
            let client = try TLSClientContext(authorities: certificates.authority)
            func connectOnce() async throws -> Bool {
                let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop, tls: client)
                await loop.run { channel.write([1]) }
                // The ticket comes with the first bytes of the server.
                #expect(await eventually { recorder.bytes == [1] })
                return await loop.run {
                    defer { channel.close() }
                    return channel.isResumed
                }
            }
            #expect(try await connectOnce() == false)
            #expect(try await connectOnce() == true)
            try context.reload()
            #expect(try await connectOnce() == false)
        }
    }

    @Test("shows a new certificate after a reload, and keeps the old one when the files are damaged")
    func reload() async throws {
        try await withServer { loop, listener, certificates, context in
            func connectError() async throws -> IOError? {
                let client = try TLSClientContext(authorities: certificates.authority)
                do {
                    let channel = try await Channel.connect(to: .address(listener.address), on: loop, tls: client, deadline: .after(.seconds(5)))
                    await loop.run { channel.close() }
                    return nil
                } catch {
                    return error
                }
            }
            #expect(try await connectError() == nil)
            _ = try await ChildProcess.run("cp", [certificates.expired.certificate, certificates.server.certificate])
            let mismatch = await failure { try context.reload() }
            #expect(mismatch?.code == .tls)
            #expect(try await connectError() == nil)
            _ = try await ChildProcess.run("cp", [certificates.expired.key, certificates.server.key])
            try context.reload()
            #expect(try await connectError()?.message.contains("expired") == true)
        }
    }

    @Test("gives up on a peer that never says hello, on either side")
    func handshakeDeadline() async throws {
        let certificates = try await TestCertificates()
        try await withLoop { loop in
            let silent = try await Listener(at: .loopback(port: 0), on: loop) { _ in Recorder() }
            let client = try TLSClientContext(authorities: certificates.authority)
            let error = await failure {
                try await Channel.connect(to: .address(silent.address), on: loop, tls: client, deadline: .after(.milliseconds(100)))
            }
            #expect(error?.code == .timedOut)

            var options = Listener.Options()
            options.tls = try TLSServerContext(
                identity: TLSIdentity(certificateChain: certificates.server.certificate, privateKey: certificates.server.key))
            options.channel.handshakeTimeout = .milliseconds(100)
            let recorder = Recorder()
            let listener = try await Listener(at: .loopback(port: 0), on: loop, options: options) { _ in recorder }
            let (_, peer) = try await Channel.recorded(to: .address(listener.address), on: loop)
            #expect(await eventually { peer.hasInputEnded })
            #expect(recorder.error?.code == .timedOut)
        }
        await certificates.remove()
    }

    @Test("does not take a connection that is cut for one that ended")
    func truncation() async throws {
        let certificates = try await TestCertificates()
        try await withLoop { loop in
            var options = Listener.Options()
            options.tls = try TLSServerContext(
                identity: TLSIdentity(certificateChain: certificates.server.certificate, privateKey: certificates.server.key))
            let recorder = Recorder()
            let listener = try await Listener(at: .loopback(port: 0), on: loop, options: options) { _ in recorder }
            let port = try #require(listener.address.port)
            let process = try ChildProcess("openssl", ["s_client", "-quiet", "-connect", "127.0.0.1:\(port)"], input: Array("hello".utf8))
            defer { process.send(signal: SIGKILL) }
            #expect(await eventually { recorder.bytes == Array("hello".utf8) })
            process.send(signal: SIGKILL)
            await process.exit()
            #expect(await eventually { recorder.isClosed })
            #expect(recorder.error?.code == .reset)
            #expect(!recorder.hasInputEnded)
        }
        await certificates.remove()
    }

    @Test("says which file is wrong")
    func files() async throws {
        let certificates = try await TestCertificates()
        let missing = await failure {
            try TLSServerContext(identity: TLSIdentity(certificateChain: "/nonexistent.pem", privateKey: certificates.server.key))
        }
        #expect(missing?.code == .tls)
        #expect(missing?.message.contains("/nonexistent.pem") == true)
        let swapped = await failure {
            try TLSServerContext(identity: TLSIdentity(certificateChain: certificates.server.certificate, privateKey: certificates.client.key))
        }
        #expect(swapped?.message.contains(certificates.client.key) == true)
        let authorities = await failure { try TLSClientContext(authorities: certificates.server.key) }
        #expect(authorities?.message.contains(certificates.server.key) == true)
        await certificates.remove()
    }
}
