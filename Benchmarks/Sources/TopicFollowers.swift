internal import Baton
internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonServer
internal import BatonTelemetry
internal import Glibc
internal import Synchronization

/// What it costs to show a topic to many: `topic-followers STORE [COUNT EVENTS]`.
///
/// A daemon in this process on STORE (`sqlite::memory:`, `redis://…`), and COUNT followers of one topic over HTTP in a process of their own. Ten events a second
/// are published. Prints memory per follower, the daemon's processor time per event and follower, and the delay from publishing to each follower.
enum TopicFollowersBenchmark {
    static func run(_ arguments: [String]) async throws {
        let numbers = arguments.dropFirst().compactMap(Int.init)
        if arguments.first == "follow", numbers.count == 3 {
            return try await follow(port: UInt16(clamping: numbers[0]), count: numbers[1], events: numbers[2])
        }
        guard let address = arguments.first else {
            print("usage: BatonBenchmarks topic-followers STORE [COUNT EVENTS]")
            exit(64)
        }
        try await publish(address, to: numbers.first ?? 5_000, events: numbers.dropFirst().first ?? 100)
    }

    private static func publish(_ address: String, to count: Int, events: Int) async throws {
        var configuration = DaemonConfiguration(addresses: [.loopback(port: 0)], store: try StoreAddress(address))
        configuration.maximumConnections = count + 100
        let daemon = try await Daemon(configuration, logger: .disabled)
        let client = try HTTPClient("http://\(daemon.addresses[0])")
        func publish(_ at: Int64) async throws {
            let body = #"{"type":"news","data":{"at":\#(at),"text":"\#(String(repeating: "x", count: 200))"}}"#
            let reply = try await client.send(
                Request(.post, "/v1/topics/news/events", headers: ["Content-Type": "application/json"], body: Array(body.utf8)))
            guard reply.status == 201 else { throw HTTPError(.unexpectedStatus, reply.text) }
        }
        _ = try await client.send(Request(.delete, "/v1/topics/news"))
        try await publish(0)
        let before = ProcessUsage.residentBytes
        let follower = try ProcessUsage.spawn(["topic-followers", "follow", "\(daemon.addresses[0].port ?? 0)", "\(count)", "\(events)"])
        while try await open(client) < count { try await Task.sleep(for: .milliseconds(100)) }
        try await Task.sleep(for: .seconds(1))
        print("\(count) followers: \((ProcessUsage.residentBytes - before) / count) bytes each")
        let used = ProcessUsage.processorNanoseconds
        for _ in 0..<events {
            try await publish(now)
            try await Task.sleep(for: .milliseconds(100))
        }
        var status: Int32 = 0
        waitpid(follower, &status, 0)
        let spent = Int(ProcessUsage.processorNanoseconds - used)
        print("\(events * count) deliveries: \(spent / (events * count)) ns of processor time each")
        await client.close()
        await daemon.stop()
    }

    private static func open(_ client: HTTPClient) async throws -> Int {
        let text = try await client.send(Request(.get, "/metrics")).text
        let line = text.split(separator: "\n").first { $0.hasPrefix("baton_http_streams{") }
        return line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }.map { Int($0) } ?? 0
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    // MARK: - The followers

    private static func follow(port: UInt16, count: Int, events: Int) async throws {
        let loop = try EventLoop()
        let sink = Sink()
        for _ in 0..<count {
            let channel = try await Channel.connect(to: .address(.loopback(port: port)), on: loop, deadline: .after(.seconds(30)))
            await loop.run {
                channel.start(sink)
                channel.write(Array("GET /v1/topics/news/events?after=now HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".utf8))
            }
        }
        let deadline = ContinuousClock.now + .seconds(300)
        while sink.count < count * events, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(50)) }
        let delays = sink.delays.sorted()
        guard !delays.isEmpty else { return print("nothing came") }
        func percentile(_ part: Double) -> Double { Double(delays[min(delays.count - 1, Int(Double(delays.count) * part))] / 1000) / 1000 }
        print("\(delays.count) of \(count * events) came; milliseconds p50 \(percentile(0.5)), p99 \(percentile(0.99)), most \(percentile(1))")
    }

    /// Notes how long each event took. An event is short and written at once, so it is never in two pieces here.
    private final class Sink: ChannelHandler, Sendable {
        private let state = Mutex<[Int64]>([])
        private static let mark = Array(#""at":"#.utf8)

        var count: Int { state.withLock { $0.count } }
        var delays: [Int64] { state.withLock { $0 } }

        func received(_ bytes: RawSpan, on channel: Channel) {
            let now = TopicFollowersBenchmark.now
            var index = 0
            while index + Self.mark.count < bytes.byteCount {
                guard (0..<Self.mark.count).allSatisfy({ bytes.unsafeLoad(fromByteOffset: index + $0, as: UInt8.self) == Self.mark[$0] }) else {
                    index += 1
                    continue
                }
                index += Self.mark.count
                var at: Int64 = 0
                while index < bytes.byteCount, case let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self), 48...57 ~= byte {
                    at = at * 10 + Int64(byte - 48)
                    index += 1
                }
                if at > 0 { state.withLock { $0.append(now - at) } }
            }
        }

        func inputEnded(on channel: Channel) { channel.close() }
        func closed(_ channel: Channel, because error: IOError?) {}
    }
}
