internal import Glibc

/// A program of the package, built beside the tests.
public enum BuiltProduct {
    /// Where a program is; its bare name when it is not where the tests are.
    public static func path(_ name: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let candidates = [CommandLine.arguments[0], own].map {
            $0.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/" + name
        }
        return candidates.first { access($0, X_OK) == 0 } ?? name
    }
}
