internal import BatonIO

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A file whose first line is a password, or `user:password`. Read on a thread of its own, because files block.
enum PasswordFile {
    private static let maximumBytes = 64 << 10

    static func read(_ path: String) async throws(RedisError) -> RedisLogin {
        let outcome: Result<[UInt8], RedisError> = await withCheckedContinuation { continuation in
            do {
                try Thread.start(named: "baton-password") { continuation.resume(returning: contents(of: path)) }
            } catch {
                continuation.resume(returning: .failure(RedisError(.connectionFailed, "the password file could not be read", underlying: error)))
            }
        }
        return try login(in: outcome.get(), path: path)
    }

    static func login(in bytes: [UInt8], path: String) throws(RedisError) -> RedisLogin {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !line.isEmpty, let text = String(validating: line, as: UTF8.self) else {
            throw RedisError(.authentication, "the password file \(path) has no text in its first line")
        }
        guard let colon = text.firstIndex(of: ":") else { return RedisLogin(password: text) }
        let user = String(text[..<colon])
        return RedisLogin(user: user.isEmpty ? nil : user, password: String(text[text.index(after: colon)...]))
    }

    private static func contents(of path: String) -> Result<[UInt8], RedisError> {
        func failure() -> Result<[UInt8], RedisError> {
            .failure(RedisError(.authentication, "the password file \(path) cannot be read (error \(errno))"))
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return failure() }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: maximumBytes)
        let count = bytes.withUnsafeMutableBytes { readBytes(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { return failure() }
        return .success(Array(bytes[..<count]))
    }
}

/// `read(2)`, whose name the functions above hide.
private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int { read(descriptor, buffer, count) }
