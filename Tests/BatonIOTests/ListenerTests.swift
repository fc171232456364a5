import BatonIO
import BatonTesting
import Glibc
import Synchronization
import Testing

@Suite("A listener")
struct ListenerTests {
    private func temporaryPath() -> String {
        "/tmp/baton-io-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
    }

    @Test("makes a Unix socket that only its owner can use, and removes it")
    func unixSocket() async throws {
        try await withLoop { loop in
            let path = temporaryPath()
            let listener = try await Listener(at: .unix(path), on: loop) { _ in Echo() }
            var status = stat()
            #expect(lstat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            let (channel, recorder) = try await Channel.recorded(to: .address(.unix(path)), on: loop)
            await loop.run { channel.write([7]) }
            #expect(await eventually { recorder.bytes == [7] })
            await loop.run { channel.close() }
            await listener.stop()
            #expect(lstat(path, &status) != 0)
        }
    }

    @Test("replaces a Unix socket that a dead process left, not one that is served, nor a file")
    func staleUnixSocket() async throws {
        try await withLoop { loop in
            let path = temporaryPath()
            let listener = try await Listener(at: .unix(path), on: loop) { _ in Echo() }
            let inUse = await failure { try await Listener(at: .unix(path), on: loop) { _ in Echo() } }
            #expect(inUse?.code == .addressInUse)
            // The one that is served is unharmed.
            let channel = try await Channel.connect(to: .address(.unix(path)), on: loop, deadline: .after(.seconds(5)))
            await loop.run { channel.close() }
            await listener.stop()

            let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
            #expect(bound == 0)
            close(stale)
            let again = try await Listener(at: .unix(path), on: loop) { _ in Echo() }
            await again.stop()

            let file = open(path, O_CREAT | O_WRONLY, 0o600)
            close(file)
            let occupied = await failure { try await Listener(at: .unix(path), on: loop) { _ in Echo() } }
            #expect(occupied?.code == .addressInUse)
            var status = stat()
            #expect(lstat(path, &status) == 0)
            unlink(path)
        }
    }

    @Test("says that the port is taken")
    func addressInUse() async throws {
        try await withLoop { loop in
            let first = try await Listener(at: .loopback(port: 0), on: loop) { _ in Echo() }
            let error = await failure { try await Listener(at: first.address, on: loop) { _ in Echo() } }
            #expect(error?.code == .addressInUse)
            #expect(error?.errorNumber == EADDRINUSE)
        }
    }

    @Test("shares a port with another when both want to")
    func reusePort() async throws {
        try await withLoop { first in
            try await withLoop { second in
                var options = Listener.Options()
                options.reusePort = true
                let one = try await Listener(at: .loopback(port: 0), on: first, options: options) { _ in Echo() }
                let other = try await Listener(at: one.address, on: second, options: options) { _ in Echo() }
                var channels: [Channel] = []
                for _ in 0..<64 {
                    channels.append(try await Channel.connect(to: .address(one.address), on: first, deadline: .after(.seconds(5))))
                }
                #expect(
                    await eventually {
                        let (left, right) = (await first.run { one.connectionCount }, await second.run { other.connectionCount })
                        return left + right == 64 && left > 0 && right > 0
                    })
            }
        }
    }

    @Test("accepts no more than it may, and goes on when one is closed")
    func connectionCap() async throws {
        try await withLoop { loop in
            var options = Listener.Options()
            options.maximumConnections = 2
            let listener = try await Listener(at: .loopback(port: 0), on: loop, options: options) { _ in Echo() }
            var clients: [(Channel, Recorder)] = []
            for _ in 0..<3 {
                let client = try await Channel.recorded(to: .address(listener.address), on: loop)
                await loop.run { client.0.write([1]) }
                clients.append(client)
            }
            let all = clients
            #expect(await eventually { all[0].1.bytes == [1] && all[1].1.bytes == [1] })
            #expect(await loop.run { listener.connectionCount } == 2)
            #expect(all[2].1.bytes.isEmpty)
            await loop.run { all[0].0.close() }
            #expect(await eventually { all[2].1.bytes == [1] })
        }
    }

    @Test("keeps its connections when it stops")
    func stop() async throws {
        try await withLoop { loop in
            let listener = try await Listener(at: .unix(temporaryPath()), on: loop) { _ in Echo() }
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            await loop.run { channel.write([1]) }
            #expect(await eventually { recorder.bytes == [1] })
            await listener.stop()
            await listener.stop()
            let error = await failure {
                try await Channel.connect(to: .address(listener.address), on: loop, deadline: .after(.seconds(5)))
            }
            #expect(error?.code == .refused)
            await loop.run { channel.write([2]) }
            #expect(await eventually { recorder.bytes == [1, 2] })
        }
    }

    @Test("closes what its handler does not want")
    func refusal() async throws {
        try await withLoop { loop in
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in nil }
            let (_, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            #expect(await eventually { recorder.hasInputEnded })
            #expect(await eventually { await loop.run { listener.connectionCount == 0 } })
        }
    }

    @Test("listens on all addresses, of both families")
    func allAddresses() async throws {
        try await withLoop { loop in
            let listener = try await Listener(at: SocketAddress(":0"), on: loop) { _ in Echo() }
            let port = try #require(listener.address.port)
            let (channel, recorder) = try await Channel.recorded(to: .address(.loopback(port: port)), on: loop)
            await loop.run { channel.write([1]) }
            #expect(await eventually { recorder.bytes == [1] })
        }
    }
}
