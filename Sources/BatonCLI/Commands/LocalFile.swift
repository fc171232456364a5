#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Files of this machine, read whole.
enum LocalFile {
    /// A configuration file, for the parser.
    static func configuration(_ path: String) throws(UsageError) -> String { try text(path, upTo: 1 << 20) }

    /// The text of a file, which has to be UTF-8.
    static func text(_ path: String, upTo limit: Int) throws(UsageError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw UsageError(message: "\(TerminalText.quoted(path)) cannot be read: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw UsageError(message: "\(TerminalText.quoted(path)) cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= limit else { throw UsageError(message: "\(TerminalText.quoted(path)) is larger than \(limit) bytes") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw UsageError(message: "\(TerminalText.quoted(path)) is not UTF-8") }
        return text
    }
}
