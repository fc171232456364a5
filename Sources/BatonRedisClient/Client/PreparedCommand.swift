/// A command whose type does not matter any more: what routing and repeating it takes.
struct PreparedCommand: Sendable {
    let keys: [RedisKey]
    let isReadOnly: Bool
    let blocks: Duration?
    let retrySafety: RetrySafety
    /// The digest of the script it runs.
    let script: [UInt8]?
    /// What goes right behind it on the same connection, to say how many replicas have taken it over.
    let confirmation: WAIT?
    private let encode: @Sendable (inout RESPEncoder, _ withSource: Bool) -> Void

    init<Command: RedisCommand>(_ command: Command, confirmation: WAIT? = nil) {
        self.confirmation = confirmation
        keys = command.keys
        isReadOnly = command.isReadOnly
        blocks = command.blocks
        retrySafety = command.retrySafety
        if let call = command as? EVALSHA {
            script = call.script.digest
            encode = { encoder, withSource in encoder.write(withSource ? call.withSource : call) }
        } else {
            script = nil
            encode = { encoder, _ in encoder.write(command) }
        }
    }

    /// Writes the command.
    func write(to encoder: inout RESPEncoder, withSource: Bool = false) { encode(&encoder, withSource) }
}

extension Sequence<PreparedCommand> {
    /// When all of them together may be sent again.
    var retrySafety: RetrySafety {
        var safety = RetrySafety.always
        for command in self {
            switch command.retrySafety {
            case .always: break
            case .ifNotSent: if safety == .always { safety = .ifNotSent }
            case .never: safety = .never
            }
        }
        return safety
    }
}
