internal import BatonHTTP
internal import BatonIO
internal import Glibc
internal import Synchronization

/// What a request, an idle stream and an event cost.
///
/// `http serve PORT` answers `/healthz` and echoes, to be driven from outside (`make bench` does);
/// `http streams COUNT` measures memory per idle stream and processor time per event, with the followers in a process of their own.
enum HTTPBenchmark {
    static func run(_ arguments: [String]) async throws {
        switch arguments.first {
        case "serve": try await serve(port: arguments.dropFirst().first.flatMap(UInt16.init) ?? 4440)
        case "streams": try await streams(arguments.dropFirst().first.flatMap(Int.init) ?? 10_000)
        case "follow":
            let numbers = arguments.dropFirst().compactMap(Int.init)
            try await follow(port: UInt16(clamping: numbers.first ?? 0), count: numbers.last ?? 0)
        default: print("usage: BatonBenchmarks http serve PORT | streams COUNT")
        }
    }

    private static func serve(port: UInt16) async throws {
        let server = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: port)])) { request in
            request.path == "/healthz" ? .text(200, "ok") : Response(200, body: request.body)
        }
        print("serving at \(server.addresses[0])")
        while true { try await Task.sleep(for: .seconds(3600)) }
    }

    private static func streams(_ count: Int) async throws {
        var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
        configuration.maximumConnections = count + 100
        let open = Mutex<[ResponseStream]>([])
        let server = try await HTTPServer(configuration) { _ in .events { stream in open.withLock { $0.append(stream) } } }
        let before = ProcessUsage.residentBytes
        let follower = try ProcessUsage.spawn(["http", "follow", "\(server.addresses[0].port ?? 0)", "\(count)"])
        while open.withLock({ $0.count }) < count { try await Task.sleep(for: .milliseconds(50)) }
        try await Task.sleep(for: .seconds(1))
        let after = ProcessUsage.residentBytes
        print("\(count) idle streams: \((after - before) / count) bytes each, resident \(after / 1024) KiB")

        let events = 50
        let chunk = EventStreamEncoder.event(id: "0000000000000001_0000000000000001", name: "event", data: [UInt8](repeating: 97, count: 200))
        let all = open.withLock { $0 }
        let used = Int(ProcessUsage.processorNanoseconds)
        let start = Deadline.now
        for _ in 0..<events {
            await server.loops[0].run { for stream in all { stream.push(chunk) } }
            try await Task.sleep(for: .milliseconds(50))
        }
        let spent = Int(ProcessUsage.processorNanoseconds) - used
        let wall = Deadline.now.nanoseconds - start.nanoseconds
        let delivered = events * all.filter(\.isOpen).count
        print("\(delivered) deliveries: \(spent / max(delivered, 1)) ns of processor time each, \(wall / 1_000_000) ms in all")
        kill(follower, SIGTERM)
        var status: Int32 = 0
        waitpid(follower, &status, 0)
        await server.drain(within: .seconds(1))
    }

    private static func follow(port: UInt16, count: Int) async throws {
        let loop = try EventLoop()
        let sink = Sink()
        for _ in 0..<count {
            let channel = try await Channel.connect(to: .address(.loopback(port: port)), on: loop, deadline: .after(.seconds(30)))
            await loop.run {
                channel.start(sink)
                channel.write(Array("GET /events HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            }
        }
        while true { try await Task.sleep(for: .seconds(3600)) }
    }

    private final class Sink: ChannelHandler, Sendable {
        func received(_ bytes: RawSpan, on channel: Channel) {}
        func inputEnded(on channel: Channel) { channel.close() }
        func closed(_ channel: Channel, because error: IOError?) {}
    }
}
