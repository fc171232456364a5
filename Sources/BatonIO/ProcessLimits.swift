internal import CBatonPlatform
internal import Glibc

/// What holds for the whole process.
public enum ProcessLimits {
    /// A write to a closed connection is an error, not the end of the process. Leaves a handler that somebody else set.
    public static func ignoreBrokenPipes() {
        _ = ignored
    }

    private static let ignored: Void = {
        var current = sigaction()
        guard sigaction(SIGPIPE, nil, &current) == 0 else { return }
        if current.__sigaction_handler.sa_handler == nil { signal(SIGPIPE, SIG_IGN) }
    }()

    /// Raises the limit of open descriptors as far as the system lets this process.
    ///
    /// - Returns: the limit in force.
    /// - Throws: `permissionDenied` or `system`.
    @discardableResult
    public static func raiseDescriptorLimit() throws(IOError) -> Int {
        let limit = baton_raise_descriptor_limit()
        guard limit >= 0 else { throw IOError(errorNumber: Int32(-limit), while: "raise the limit of open files") }
        return limit
    }
}
