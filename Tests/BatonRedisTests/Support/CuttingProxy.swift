import BatonTesting
import Glibc
import Synchronization

/// Passes bytes between a client and a server, and cuts a connection instead of passing on a reply when it is told to: the server
/// has done what it was asked for, and nobody hears of it.
final class CuttingProxy: Sendable {
    let port: UInt16
    private let listener: Int32
    private let upstream: UInt16
    private let state = Mutex(State())

    private struct State {
        var repliesToCut = 0
        /// Connections before this one are dead, and nobody is told.
        var firstAlive = 0
        var connections = 0
        var isClosed = false
    }

    struct NoPort: Error {}

    init(to upstream: UInt16) throws {
        self.upstream = upstream
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = CuttingProxy.loopback(0)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard bound == 0, listen(descriptor, 64) == 0 else { throw NoPort() }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        port = UInt16(bigEndian: address.sin_port)
        listener = descriptor
        onThread {
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { return }
                self.serve(client)
            }
        }
    }

    /// Cuts the connection instead of passing on each of the next `count` replies.
    func cut(_ count: Int = 1) { state.withLock { $0.repliesToCut += count } }

    /// Lets all connections that there are stay open and passes nothing on any more, as when a path breaks; new ones work.
    func swallow() { state.withLock { $0.firstAlive = $0.connections } }

    /// Whether all cuts have been made.
    var isDone: Bool { state.withLock { $0.repliesToCut == 0 } }

    func close() {
        guard
            state.withLock({ state in
                defer { state.isClosed = true }
                return !state.isClosed
            })
        else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    private func serve(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = CuttingProxy.loopback(upstream)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard connected == 0 else {
            Glibc.close(client)
            Glibc.close(server)
            return
        }
        let number = state.withLock { state in
            defer { state.connections += 1 }
            return state.connections
        }
        let isAlive: @Sendable () -> Bool = { self.state.withLock { number >= $0.firstAlive } }
        // Each direction has its thread; the second to end closes both sockets.
        let open = Guarded(2)
        let finish: @Sendable () -> Void = {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
            let isLast = open.withLock { count in
                count -= 1
                return count == 0
            }
            guard isLast else { return }
            Glibc.close(client)
            Glibc.close(server)
        }
        onThread {
            CuttingProxy.pass(from: client, to: server, isAlive) { true }
            finish()
        }
        onThread {
            CuttingProxy.pass(from: server, to: client, isAlive) {
                self.state.withLock { state in
                    guard state.repliesToCut > 0 else { return true }
                    state.repliesToCut -= 1
                    return false
                }
            }
            finish()
        }
    }

    private static func pass(from source: Int32, to target: Int32, _ isAlive: () -> Bool, _ mayPass: () -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(source, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            guard isAlive() else { continue }
            guard mayPass() else { return }
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes { send(target, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL)) }
                guard written > 0 else { return }
                sent += written
            }
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// Runs `body` on a thread of its own.
private func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Box {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let code = pthread_create(
        &thread, nil,
        { context in
            Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    if code == 0 { pthread_detach(thread) } else { box.release() }
}
