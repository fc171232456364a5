/// How a command ends, in the numbers of sysexits.h.
enum ExitCode: Int32, Sendable, Error {
    case success = 0
    /// The command line is wrong.
    case usage = 64
    /// What was read is wrong.
    case badData = 65
    case notFound = 66
    /// The store cannot be reached.
    case unavailable = 69
    /// Something here is broken.
    case software = 70
    /// Another attempt may succeed.
    case tryAgain = 75
    case notPermitted = 77
}
