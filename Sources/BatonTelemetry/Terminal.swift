#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What is known of the terminal behind a descriptor.
public enum Terminal {
    /// Whether the descriptor is a terminal.
    public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Whether colours should be written to the descriptor: it is a terminal that can show them, and `NO_COLOR` (no-color.org) is
    /// unset or empty.
    public static func wantsColour(_ descriptor: Int32) -> Bool {
        guard isTerminal(descriptor) else { return false }
        return allowsColour(noColour: variable("NO_COLOR"), term: variable("TERM"))
    }

    static func allowsColour(noColour: String?, term: String?) -> Bool {
        (noColour ?? "").isEmpty && !(term ?? "").isEmpty && term != "dumb"
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
