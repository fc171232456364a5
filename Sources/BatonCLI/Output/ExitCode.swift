/// How a command ends, in the numbers of sysexits.h.
enum ExitCode: Int32, Sendable, Error, CaseIterable {
    case success = 0
    case usage = 64
    case badData = 65
    case notFound = 66
    case unavailable = 69
    case software = 70
    case tryAgain = 75
    case notPermitted = 77

    /// What it says to whoever started the program.
    var meaning: String {
        switch self {
        case .success: "All went well"
        case .usage: "The command line is wrong"
        case .badData: "What was read is wrong"
        case .notFound: "What was asked for is not there"
        case .unavailable: "The store cannot be reached"
        case .software: "Something here is broken"
        case .tryAgain: "Another attempt may succeed"
        case .notPermitted: "It is not permitted"
        }
    }
}
