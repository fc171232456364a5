public import BatonIO
internal import Synchronization

/// An HTTP/1.1 server on one or more event loops.
///
/// ```swift
/// let server = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: 4437)])) { request in
///     .text(200, "hello\n")
/// }
/// await server.drain(within: .seconds(10))
/// ```
public final class HTTPServer: Sendable {
    /// Answers one request. Runs as a task that prefers the loop of its connection, so it must not block; it is cancelled when the client
    /// leaves. What it does before its first suspension runs inside the read itself. A thrown `HTTPError` that has a status is answered with
    /// that, anything else with `500`.
    public typealias Handler = @Sendable (Request) async throws -> Response

    /// How a server is set up.
    public struct Configuration: Sendable {
        /// Where to listen. A Unix socket gets mode 0600; port 0 lets the system choose.
        public var addresses: [SocketAddress]
        /// Encrypts TCP connections; nil is plain. Unix sockets are plain always. `TLSServerContext.reload()` changes the certificate of the
        /// connections to come.
        public var tls: TLSServerContext?
        /// How many loops share the TCP addresses (`SO_REUSEPORT`). Unix sockets belong to the first.
        public var loopCount = 1
        /// Bounds of a request.
        public var limits = Limits()
        /// Connections at once, over all loops; more wait in the kernel.
        public var maximumConnections = 20_000
        /// For a whole request, from its first byte. Bytes that trickle in do not extend it.
        public var requestTimeout: Duration {
            get { timeouts.request }
            set { timeouts.request = newValue }
        }
        /// For the first byte of the next request on a kept connection.
        public var idleTimeout: Duration {
            get { timeouts.idle }
            set { timeouts.idle = newValue }
        }
        /// How long a client may take nothing of what waits for it.
        public var writeTimeout: Duration = .seconds(30)
        /// How long a closing connection waits for its client to close too.
        public var lingerTimeout: Duration = .seconds(2)
        /// Silence on a stream after which its heartbeat is sent, at the latest.
        public var heartbeat: Duration = .seconds(15)
        /// Bytes that may wait on a stream before the next push closes it.
        public var streamBacklog = 256 * 1024

        var timeouts = ConnectionStateMachine.Timeouts()

        /// One sweep over a loop's streams.
        var sweepInterval: Duration { max(.milliseconds(20), min(.seconds(5), heartbeat / 3, writeTimeout / 3)) }

        /// The defaults at these addresses.
        public init(addresses: [SocketAddress]) { self.addresses = addresses }
    }

    /// The addresses the server listens at, with the ports that were chosen, in the order of the configuration.
    public let addresses: [SocketAddress]
    /// The loops the server runs on.
    public let loops: [EventLoop]

    private let listeners: [Listener]
    private let shards: [ServerShard]
    private let ownsLoops: Bool

    /// Begins to serve.
    ///
    /// - Parameters:
    ///   - loops: where to run; nil makes `loopCount` loops that end with the server.
    ///   - observer: is told of requests, connections and streams.
    /// - Throws: `IOError` when an address cannot be listened at.
    public init(
        _ configuration: Configuration, on loops: [EventLoop]? = nil, observer: (any HTTPServerObserver)? = nil, handler: @escaping Handler
    ) async throws(IOError) {
        ownsLoops = loops == nil
        var running: [EventLoop] = loops ?? []
        if loops == nil {
            for number in 0..<max(1, configuration.loopCount) { running.append(try EventLoop(.init(name: "baton-http-\(number)"))) }
        }
        self.loops = running
        shards = running.map { ServerShard($0, configuration, observer, handler) }
        var listeners: [Listener] = []
        var addresses: [SocketAddress] = []
        do throws(IOError) {
            for wanted in configuration.addresses {
                var address = wanted
                for (number, shard) in shards.enumerated() {
                    if number > 0, address.port == nil { break }
                    let listener = try await Self.listen(at: address, shard, configuration, sharing: shards.count)
                    listeners.append(listener)
                    // The loops after the first have to share the port that it was given.
                    if number == 0 {
                        address = listener.address
                        addresses.append(address)
                    }
                }
            }
        } catch {
            for listener in listeners { await listener.stop() }
            if ownsLoops { for loop in running { await loop.shutdown() } }
            throw error
        }
        self.listeners = listeners
        self.addresses = addresses
    }

    private static func listen(
        at address: SocketAddress, _ shard: ServerShard, _ configuration: Configuration, sharing shardCount: Int
    ) async throws(IOError) -> Listener {
        var options = Listener.Options()
        options.reusePort = shardCount > 1 && address.port != nil
        options.maximumConnections = max(1, configuration.maximumConnections / shardCount)
        options.channel.userTimeout = configuration.writeTimeout
        if address.port != nil { options.tls = configuration.tls }
        return try await Listener(at: address, on: shard.loop, options: options) { shard.accept($0) }
    }

    /// Connections that are open now.
    public func connectionCount() async -> Int {
        var count = 0
        for shard in shards { count += await shard.loop.run { shard.connectionCount } }
        return count
    }

    /// Streams that are open now.
    public func streamCount() async -> Int {
        var count = 0
        for shard in shards { count += await shard.loop.run { shard.streamCount } }
        return count
    }

    /// Stops in order: no new connections, idle ones closed at once, requests answered, streams ended with their farewell; whatever is left
    /// after `limit` is broken off.
    ///
    /// - Returns: how many connections had to be broken off.
    @discardableResult
    public func drain(within limit: Duration) async -> Int {
        for listener in listeners { await listener.stop() }
        let aborted = await withTaskGroup(of: Void.self, returning: Int.self) { group in
            for shard in shards { group.addTask { await shard.drain() } }
            let timer = Task { [shards] in
                try await Task.sleep(for: limit)
                var count = 0
                for shard in shards {
                    count += await shard.loop.run {
                        let left = shard.connectionCount
                        shard.abort()
                        return left
                    }
                }
                return count
            }
            await group.waitForAll()
            timer.cancel()
            return (try? await timer.value) ?? 0
        }
        if ownsLoops { for loop in loops { await loop.shutdown() } }
        return aborted
    }
}
