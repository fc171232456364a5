internal import BatonTelemetry

/// What is said on a new connection before anything else: protocol, login, name, database, and which part in replication is expected.
///
/// Everything goes out in one write. A server that does not know HELLO is spoken to in RESP2, which takes a second write. Lines that only
/// tell the server about this client may fail; login, database and role may not.
struct Handshake: Sendable {
    struct Parameters: Sendable {
        var protocolVersion = 3
        var login: RedisLogin?
        var clientName: String?
        var database = 0
        /// Ask a cluster's replica to answer reads.
        var readsFromReplica = false
        /// The server must say that it is a primary.
        var requiresPrimary = false
    }

    /// What a server said of itself.
    struct Server: Sendable, Hashable {
        var protocolVersion = 2
        var version = ""
        var mode = ""
        /// The number of this connection, with which another one can end a blocked command.
        var connectionID: Int64?
    }

    enum Step: Sendable {
        /// More replies are due.
        case wait
        /// Send this, more replies are due.
        case send([UInt8])
        /// Ready for commands.
        case done(Server)
    }

    private enum Line {
        case hello, auth, name, library, select, readOnly, role
        /// Sent before it was known that the server does not speak RESP3; whatever it answers means nothing.
        case void
    }

    private let parameters: Parameters
    private var due: [Line] = []
    private var next = 0
    private var server = Server()
    private var fallback = false

    init(_ parameters: Parameters) { self.parameters = parameters }

    /// The bytes to begin with.
    mutating func start() -> [UInt8] {
        var encoder = RESPEncoder()
        if parameters.protocolVersion >= 3 {
            due.append(.hello)
            encoder.beginCommand()
            encoder.append("HELLO" as StaticString)
            encoder.append(3)
            if let login = parameters.login {
                encoder.append("AUTH" as StaticString)
                encoder.append(login.user ?? "default")
                encoder.append(login.password.revealed)
            }
            if let name = parameters.clientName {
                encoder.append("SETNAME" as StaticString)
                encoder.append(name)
            }
            encoder.endCommand()
        } else {
            writeLogin(to: &encoder)
        }
        writeRest(to: &encoder)
        return encoder.bytes
    }

    /// Takes the reply to the next line.
    /// - Throws: ``RedisError`` when the connection cannot be used.
    mutating func receive(_ reply: RedisReply) throws(RedisError) -> Step {
        guard next < due.count else { throw RedisError(.protocolViolation, "the server sent a reply that nobody asked for") }
        let line = due[next]
        next += 1
        switch line {
        case .hello: try receiveHello(reply)
        case .auth, .select, .readOnly: if let error = reply.error { throw error }
        case .role:
            guard case .primary = try ServerRole(reply) else { throw RedisError(.noPrimary, "the server is not a primary") }
        case .name, .library, .void: break
        }
        guard next == due.count else { return .wait }
        guard fallback else { return .done(server) }
        fallback = false
        var encoder = RESPEncoder()
        writeLogin(to: &encoder)
        writeRest(to: &encoder)
        return encoder.bytes.isEmpty ? .done(server) : .send(encoder.bytes)
    }

    private mutating func receiveHello(_ reply: RedisReply) throws(RedisError) {
        if let error = reply.error {
            // NOPROTO is the answer of a server that knows HELLO and not RESP3; before Redis 6 it is an unknown command (ERR).
            guard error.server?.kind == .noProtocol || error.server?.kind == .other else { throw error }
            fallback = true
            for index in next..<due.count { due[index] = .void }
            return
        }
        guard let facts = reply.pairs else { throw reply.unexpected("facts about the server") }
        server.protocolVersion = facts["proto"]?.integer.map(Int.init) ?? 2
        server.version = facts["version"]?.string ?? ""
        server.mode = facts["mode"]?.string ?? ""
        server.connectionID = facts["id"]?.integer
    }

    private mutating func writeLogin(to encoder: inout RESPEncoder) {
        if let login = parameters.login { write(.auth, login.authWords, to: &encoder) }
        if let name = parameters.clientName { write(.name, ["CLIENT", "SETNAME", .string(name)], to: &encoder) }
    }

    private mutating func writeRest(to encoder: inout RESPEncoder) {
        // Known from 7.2 on, and refused to users without the right to it.
        write(.library, ["CLIENT", "SETINFO", "LIB-NAME", "baton"], to: &encoder)
        if parameters.database != 0 { write(.select, ["SELECT", .init(parameters.database)], to: &encoder) }
        if parameters.readsFromReplica { write(.readOnly, ["READONLY"], to: &encoder) }
        if parameters.requiresPrimary { write(.role, ["ROLE"], to: &encoder) }
    }

    private mutating func write(_ line: Line, _ words: [RedisArgument], to encoder: inout RESPEncoder) {
        due.append(line)
        encoder.beginCommand()
        encoder.append(words)
        encoder.endCommand()
    }
}

extension RedisLogin {
    /// AUTH with this login. Servers before Redis 6 know only the form with the password alone.
    var authWords: [RedisArgument] {
        user.map { ["AUTH", .string($0), .string(password.revealed)] } ?? ["AUTH", .string(password.revealed)]
    }
}
