import BatonIO
import Glibc
import Synchronization
import Testing

@Suite("Connecting")
struct ConnectTests {
    @Test("fails at once where nobody listens, and says what to look at")
    func refused() async throws {
        try await withLoop { loop in
            // Port 1 (tcpmux): an ephemeral port that was just free may be given to somebody at any time.
            let error = await failure {
                try await Channel.connect(to: .address(.loopback(port: 1)), on: loop, deadline: .after(.seconds(5)))
            }
            #expect(error?.code == .refused)
            #expect(error?.errorNumber == ECONNREFUSED)
            #expect(error?.message.contains("127.0.0.1:1") == true)
            let missing = await failure {
                try await Channel.connect(to: .address(.unix("/nonexistent/socket")), on: loop, deadline: .after(.seconds(5)))
            }
            #expect(missing?.code == .refused)
        }
    }

    @Test("goes to no address that is not allowed, also when a name leads there")
    func allowedAddresses() async throws {
        try await withLoop { loop in
            for endpoint in [Endpoint.address(.loopback(port: 1)), .host("localhost", port: 1)] {
                let seen = Seen()
                let error = await failure {
                    try await Channel.connect(to: endpoint, on: loop, deadline: .after(.seconds(5))) { address in
                        seen.addresses.withLock { $0.append(address) }
                        return address.isGlobal
                    }
                }
                #expect(error?.code == .permissionDenied)
                #expect(seen.addresses.withLock { $0 }.contains(.loopback(port: 1)))
            }
            let allowed = await failure {
                try await Channel.connect(to: .host("localhost", port: 1), on: loop, deadline: .after(.seconds(5))) { $0 == .loopback(port: 1) }
            }
            // It was tried: nobody listens there.
            #expect(allowed?.code == .refused)
        }
    }

    private final class Seen: Sendable {
        let addresses = Mutex<[SocketAddress]>([])
    }

    /// A listening socket whose backlog is full: the kernel lets further connections wait for ever.
    private func withDeafServer(_ body: (SocketAddress) async throws -> Void) async throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length)
                listen(descriptor, 0)
                getsockname(descriptor, $0, &length)
            }
        }
        let port = UInt16(bigEndian: address.sin_port)
        let filler = try PlainSocket(port: port)
        try await body(.loopback(port: port))
        filler.abort()
        close(descriptor)
    }

    @Test("gives up at its deadline")
    func timeout() async throws {
        try await withDeafServer { address in
            try await withLoop { loop in
                let start = Deadline.now
                let error = await failure {
                    try await Channel.connect(to: .address(address), on: loop, deadline: .after(.milliseconds(100)))
                }
                #expect(error?.code == .timedOut)
                #expect(start.advanced(by: .milliseconds(100)).isPast)
                #expect(await loop.run { loop.channelCount } == 0)
            }
        }
    }

    @Test("ends when its task is cancelled, before and while it waits")
    func cancellation() async throws {
        try await withDeafServer { address in
            try await withLoop { loop in
                let waiting = Task { try await Channel.connect(to: .address(address), on: loop, deadline: .never) }
                #expect(await eventually { await loop.run { loop.channelCount } == 1 })
                waiting.cancel()
                #expect(await failure { try await waiting.value }?.code == .cancelled)
                #expect(await loop.run { loop.channelCount } == 0)

                let early = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await Channel.connect(to: .address(address), on: loop, deadline: .never)
                }
                #expect(await failure { try await early.value }?.code == .cancelled)
            }
        }
    }

    @Test("ends when the loop does")
    func shutdown() async throws {
        try await withDeafServer { address in
            let loop = try EventLoop()
            let waiting = Task { try await Channel.connect(to: .address(address), on: loop, deadline: .never) }
            #expect(await eventually { await loop.run { loop.channelCount } == 1 })
            await loop.shutdown()
            #expect(await failure { try await waiting.value }?.code == .shutdown)
            #expect(await failure { try await Channel.connect(to: .address(address), on: loop, deadline: .never) }?.code == .shutdown)
        }
    }

    @Test("tries all addresses of a name")
    func severalAddresses() async throws {
        try await withLoop { loop in
            // "localhost" is ::1 as well where there is IPv6; only 127.0.0.1 answers here.
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in Echo() }
            let endpoint = Endpoint.host("localhost", port: try #require(listener.address.port))
            let (channel, recorder) = try await Channel.recorded(to: endpoint, on: loop)
            await loop.run { channel.write([1]) }
            #expect(await eventually { recorder.bytes == [1] })
        }
    }
}
