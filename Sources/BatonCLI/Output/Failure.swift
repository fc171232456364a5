internal import BatonCore
internal import BatonIO

/// What ended a command, in words for a person and as an exit code for a script.
struct Failure: Error {
    let code: ExitCode
    let message: String
    /// The store's code, for scripts that read errors as JSON.
    var kind: String?

    init(_ code: ExitCode, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let code as ExitCode: self.init(code, "")
        case let error as UsageError: self.init(.usage, error.description)
        case is Console.BrokenPipe: self.init(.success, "")
        case let error as StoreError:
            self.init(ExitCode(error.code), Failure.message(of: error))
            kind = error.code.rawValue
        case let error as IOError: self.init(error.code == .permissionDenied ? .notPermitted : .unavailable, error.message)
        case is CancellationError: self.init(.tryAgain, "cancelled")
        default: self.init(.software, "\(error)")
        }
    }

    /// Says it on standard error; returns the exit code.
    func report(on console: Console) -> ExitCode {
        guard !message.isEmpty else { return code }
        if console.format == .ndjson, let kind {
            var writer = JSONWriter()
            writer.object { writer in
                writer.name("error")
                writer.string(kind)
                writer.name("message")
                writer.string(message)
            }
            console.say(String(decoding: writer.bytes, as: UTF8.self))
        } else {
            console.complain(TerminalText.lines(message))
        }
        return code
    }

    private static func message(of error: StoreError) -> String {
        switch error.detail {
        case .none: error.message
        case .current(let number): "\(error.message); it is \(number) now"
        case .topicGone(let earliest, _, _): "\(error.message); what is left can be read with --after \(earliest)"
        case .unconfirmed(_, .some, let key?): "\(error.message); the same append with --idempotency-key \(key) stores nothing and waits again"
        case .unconfirmed: error.message
        case .gone(let earliest, _, _): "\(error.message); what is left can be read with --after \(earliest)"
        case .epoch(0): "\(error.message); the session has had no lease yet"
        case .epoch(let epoch): "\(error.message); the current epoch is \(epoch)"
        case .busy(let lease?, _): "\(error.message): \(lease.holder) has it until \(lease.expiresAt)"
        case .busy(nil, _): error.message
        case .activeAgent(let agent?): "\(error.message); it is \(agent)"
        case .activeAgent(nil): "\(error.message); nobody is"
        case .toolCall(let call): "\(error.message); it is \(call.status.rawValue) at attempt \(call.attempt)"
        case .approval(let approval): "\(error.message); it is \(approval.decision ?? approval.status.rawValue)"
        }
    }
}

extension ExitCode {
    /// What a store's error means to a script.
    init(_ code: StoreError.Code) {
        self =
            switch code {
            case .notFound, .offsetGone: .notFound
            case .unauthenticated, .forbidden, .fenced: .notPermitted
            case .storeUnavailable, .storeCorrupt, .storeIncompatible, .closed: .unavailable
            case .busy, .tooManyRequests, .cancelled, .unconfirmed: .tryAgain
            case .exists, .conflict, .preconditionFailed, .tooLarge, .budgetExceeded, .idempotencyMismatch, .unknownField: .badData
            case _ where code.rawValue.hasPrefix("invalid_"): .badData
            default: .software
            }
    }
}
