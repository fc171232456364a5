#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A directory of its own for a test, removed with everything in it when the test is done.
public struct TemporaryDirectory: Sendable {
    /// Where it is, without a slash at the end.
    public let path: String

    private init() throws(Failure) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/baton-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Why there is no directory.
    public struct Failure: Error {
        let errno: Int32
    }

    /// The path of a file in it.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Runs `body` with a new directory, and removes it afterwards.
    public static func with<Value>(_ body: (TemporaryDirectory) async throws -> sending Value) async throws -> sending Value {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        return try await body(directory)
    }

    /// A new directory, for whoever removes it.
    public static func make() throws -> TemporaryDirectory { try TemporaryDirectory() }

    /// Removes it with everything in it. Nothing happens when it has gone.
    public func remove() { TemporaryDirectory.remove(path) }

    private static func remove(_ path: String) {
        // Links are removed, never followed.
        if let directory = opendir(path), !isLink(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }
}
