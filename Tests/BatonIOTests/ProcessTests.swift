import BatonIO
import Glibc
import Synchronization
import Testing

/// What concerns a whole process happens in one of its own.
@Suite("A process")
struct ProcessTests {
    @Test("without descriptors serves those it has, lets newcomers know, spends no time on it, and recovers")
    func noDescriptors() async {
        await #expect(processExitsWith: .success) {
            _ = limitDescriptors(to: 128)
            let loop = try EventLoop()
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in Echo() }
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            await loop.run { channel.write([1]) }
            #expect(await eventually { recorder.bytes == [1] })

            // Sockets first, connected when nothing is left to accept them with.
            let waiting = (0..<20).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
            var fill: [Int32] = []
            while case let descriptor = dup(0), descriptor >= 0 { fill.append(descriptor) }
            #expect(errno == EMFILE)
            for descriptor in waiting { #expect(connect(descriptor, to: listener.address)) }
            let before = processorTime()
            try await loop.sleep(for: .seconds(1))
            let spent = processorTime() - before
            #expect(spent < .milliseconds(100), "\(spent)")
            #expect(await loop.run { listener.connectionCount } == 1)
            await loop.run { channel.write([2]) }
            // Not with Task.sleep: the system's dispatch library stops the process when it gets no descriptor for its timer.
            #expect(await eventually(sleepingOn: loop) { recorder.bytes == [1, 2] })
            // The reserve descriptor has let some go, about ten a second.
            #expect(waiting.contains { hasEnded($0) })
            #expect(waiting.contains { !hasEnded($0) })

            for descriptor in fill { close(descriptor) }
            #expect(await eventually(sleepingOn: loop) { await loop.run { listener.connectionCount } > 5 })
            await loop.shutdown()
        }
    }

    @Test("has no descriptor and no thread more after loops, connections, names and signals are gone")
    func noLeaks() async {
        await #expect(processExitsWith: .success) {
            // Once for what the runtime and the resolver set up and keep.
            try await useAndShutDown()
            #expect(await eventually { !threadNames().contains { $0.hasPrefix("baton-") } })
            // The runtime opens some things when it first needs them, at a moment of its own: once. What is left behind, every round adds to.
            let rounds = try await descriptorsAfterRounds(atMost: 4)
            #expect(rounds.last! <= rounds[rounds.count - 2], "\(rounds), \(entries("/proc/self/fd"))")
            #expect(await eventually(within: .seconds(3)) { !threadNames().contains { $0.hasPrefix("baton-") } }, "\(threadNames())")
        }
    }

    @Test("survives writing to a peer that has gone")
    func brokenPipe() async {
        await #expect(processExitsWith: .success) {
            signal(SIGPIPE, SIG_DFL)
            let loop = try EventLoop()
            let server = Recorder()
            let accepted = Mutex<Channel?>(nil)
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { channel in
                accepted.withLock { $0 = channel }
                return server
            }
            let peer = try PlainSocket(port: listener.address.port ?? 0)
            #expect(await eventually { accepted.withLock { $0 != nil } })
            peer.abort()
            await loop.run {
                let channel = accepted.withLock { $0 }
                for _ in 0..<10 { channel?.write([1]) }
            }
            #expect(await eventually { server.isClosed })
            #expect(server.error?.code == .reset)
            await loop.shutdown()
        }
    }

    @Test("may have as many descriptors as the system lets it")
    func descriptorLimit() async {
        await #expect(processExitsWith: .success) {
            let limit = limitDescriptors(to: 64)
            let raised = try ProcessLimits.raiseDescriptorLimit()
            #expect(raised == Int(limit.rlim_max))
        }
    }
}

private func limitDescriptors(to count: UInt) -> rlimit {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = count
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return limit
}

private func processorTime() -> Duration {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return .seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + .microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
}

private func connect(_ descriptor: Int32, to address: SocketAddress) -> Bool {
    var system = sockaddr_in()
    system.sin_family = sa_family_t(AF_INET)
    system.sin_port = (address.port ?? 0).bigEndian
    system.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &system) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }
}

private func hasEnded(_ descriptor: Int32) -> Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) == 0
}

private func entries(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if !name.hasPrefix(".") { names.append(name) }
    }
    return names
}

private func count(_ path: String) -> Int { entries(path).count }

private func threadNames() -> [String] {
    entries("/proc/self/task").map { thread in
        let descriptor = open("/proc/self/task/\(thread)/comm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var name = [UInt8](repeating: 0, count: 32)
        let length = read(descriptor, &name, name.count)
        return String(decoding: name.prefix(max(0, length)), as: UTF8.self)
    }
}

/// Two loops with what hangs on them, from their start to their end.
private func useAndShutDown() async throws {
    let (first, second) = (try EventLoop(), try EventLoop())
    let listener = try await Listener(at: .loopback(port: 0), on: first) { _ in Echo() }
    _ = try await SignalReceiver([.terminate], on: second) { _ in }
    let endpoint = Endpoint.host("localhost", port: listener.address.port ?? 0)
    for _ in 0..<10 {
        let (channel, recorder) = try await Channel.recorded(to: endpoint, on: second)
        await second.run { channel.write([1]) }
        #expect(await eventually { recorder.bytes == [1] })
    }
    await second.shutdown()
    await first.shutdown()
}

/// How many descriptors are open before, and after each round of three uses, up to the first round that adds none.
private func descriptorsAfterRounds(atMost limit: Int) async throws -> [Int] {
    var counts = [count("/proc/self/fd")]
    for _ in 0..<limit {
        for _ in 0..<3 { try await useAndShutDown() }
        let before = counts[counts.count - 1]
        _ = await eventually(within: .seconds(3)) { count("/proc/self/fd") <= before }
        counts.append(count("/proc/self/fd"))
        if counts[counts.count - 1] <= before { break }
    }
    return counts
}
