internal import CBatonPlatform
internal import Glibc
internal import Synchronization

/// A socket that is bound and listens.
struct ListeningSocket {
    let descriptor: Int32
    let address: SocketAddress
    let file: SocketFile?

    /// Binds to `address` and listens. "All addresses" means those of IPv4 on a machine without IPv6.
    init(at address: SocketAddress, options: Listener.Options) throws(IOError) {
        guard case .ipv6(0, 0, let port, _) = address else {
            try self.init(binding: address, options: options)
            return
        }
        do throws(IOError) {
            try self.init(binding: address, options: options)
        } catch {
            // No such family, or the family is there but switched off (disable_ipv6).
            guard error.errorNumber == EAFNOSUPPORT || error.errorNumber == EADDRNOTAVAIL else { throw error }
            try self.init(binding: .ipv4(0, port: port), options: options)
        }
    }

    private init(binding address: SocketAddress, options: Listener.Options) throws(IOError) {
        let action = "listen at \(address)"
        let descriptor = baton_socket(address.family)
        guard descriptor >= 0 else { throw IOError(errorNumber: -descriptor, while: action) }
        do throws(IOError) {
            if case .unix(let path) = address {
                try SocketFile.clear(path)
                try Self.check(SocketFile.bind(descriptor, address), action)
            } else {
                if case .ipv6(0, 0, _, _) = address { _ = baton_set_dual_stack(descriptor) }
                try Self.check(baton_set_reuse_address(descriptor), action)
                if options.reusePort { try Self.check(baton_set_reuse_port(descriptor), action) }
                try Self.check(address.withSystemAddress { baton_bind(descriptor, $0, $1) }, action)
            }
            try Self.check(listen(descriptor, options.backlog) == 0 ? 0 : errno, action)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        if case .unix(let path) = address {
            self.address = address
            file = SocketFile(path)
        } else {
            self.address = SocketAddress.of(descriptor, peer: false) ?? address
            file = nil
        }
    }

    private static func check(_ failure: Int32, _ action: String) throws(IOError) {
        guard failure == 0 else { throw IOError(errorNumber: failure, while: action) }
    }
}

/// The file of a Unix socket: it outlives a process that was killed, and must not be taken from one that lives.
struct SocketFile: Sendable {
    private let path: String
    private let device: UInt64
    private let inode: UInt64

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Removes the file unless somebody has put another in its place.
    func remove() {
        guard let now = SocketFile(path), now.device == device, now.inode == inode else { return }
        unlink(path)
    }

    /// Removes a socket file at `path` that nobody listens on. Anything else that is there stays, and bind(2) will say so.
    static func clear(_ path: String) throws(IOError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK, let found = SocketFile(path) else { return }
        let probe = baton_socket(AF_UNIX)
        guard probe >= 0 else { throw IOError(errorNumber: -probe, while: "look whether \(path) is in use") }
        defer { close(probe) }
        // A listener's answer comes at once: accepted, or EAGAIN when its backlog is full.
        let failure = SocketAddress.unix(path).withSystemAddress { baton_connect(probe, $0, $1) }
        if failure == ECONNREFUSED { found.remove() }
    }

    /// Binds with mode 0600. The mask of the process is set meanwhile: a mode given afterwards would leave a moment for others.
    static func bind(_ descriptor: Int32, _ address: SocketAddress) -> Int32 {
        mask.withLock { _ in
            let before = umask(0o177)
            defer { umask(before) }
            return address.withSystemAddress { baton_bind(descriptor, $0, $1) }
        }
    }

    private static let mask = Mutex(())
}
