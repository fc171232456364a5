public import BatonIO

/// A connection for one caller alone, for what several commands have to share: WATCH and what follows it.
public final class RedisConnection: Sendable {
    let connection: Connection
    private let client: RedisClient

    init(_ connection: Connection, of client: RedisClient) {
        self.connection = connection
        self.client = client
    }

    /// Sends a command and reads its reply. Nothing is repeated: what this connection knew would be lost.
    /// - Throws: ``RedisError``.
    public func send<Command: RedisCommand>(_ command: Command, deadline: Deadline? = nil) async throws(RedisError) -> Command.Response {
        let deadline = deadline ?? client.deadline(for: command.blocks)
        switch await connection.send(expecting: 1, deadline: deadline, { $0.write(command) }) {
        case .failure(let error): throw error
        case .reply(let reply):
            if let error = reply.error { throw error }
            return try command.decode(reply)
        case .replies: throw RedisError(.protocolViolation, "several replies to one command")
        }
    }

    /// Sends commands together and reads each one's reply. Nothing is repeated.
    /// - Throws: ``RedisError`` when none of them got a reply.
    public func pipeline(_ commands: [any RedisCommand], deadline: Deadline? = nil) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        if commands.isEmpty { return [] }
        let prepared = commands.map { PreparedCommand($0) }
        let deadline = deadline ?? client.deadline(for: prepared.lazy.compactMap(\.blocks).max())
        let outcome = await connection.send(expecting: prepared.count, deadline: deadline) { encoder in
            for command in prepared { command.write(to: &encoder) }
        }
        switch outcome {
        case .failure(let error): throw error
        case .reply(let reply): return [reply.error.map { .failure($0) } ?? .success(reply)]
        case .replies(let replies): return replies.map { reply in reply.error.map { .failure($0) } ?? .success(reply) }
        }
    }

    /// Lets the next transaction do nothing when one of the keys changes before it.
    /// - Throws: ``RedisError``.
    public func watch(_ keys: [RedisKey]) async throws(RedisError) {
        let reply = try await send(RawCommand(["WATCH"] + keys.map { RedisArgument($0) }, keys: keys))
        if let error = reply.error { throw error }
    }

    /// Runs commands as one, as ``RedisClient/transaction`` does.
    /// - Throws: ``RedisError`` with the code `transactionAborted` when a watched key changed.
    public func transaction<each Command: RedisCommand>(
        _ commands: repeat each Command, deadline: Deadline? = nil
    ) async throws(RedisError) -> (repeat Result<(each Command).Response, RedisError>) {
        var prepared: [PreparedCommand] = []
        repeat prepared.append(PreparedCommand(each commands))
        let deadline = deadline ?? client.deadline(for: nil)
        let outcome = await connection.send(
            expecting: prepared.count + 2, deadline: deadline, Transaction.writer(for: prepared, on: connection))
        let replies = try Transaction.results(outcome, of: prepared, on: connection)
        var index = 0
        return (repeat RedisClient.decode(each commands, replies, &index))
    }
}

extension RedisClient {
    /// Gives `body` a connection of its own. In a cluster it is one to the node that serves `key`.
    /// - Throws: ``RedisError`` when there is no connection to be had, or what `body` throws.
    public func withConnection<Value: Sendable>(
        for key: RedisKey? = nil, _ body: (RedisConnection) async throws -> Value
    ) async throws -> Value {
        let route = try await router.route(keys: key.map { [$0] } ?? [], isReadOnly: false, by: deadline(for: nil))
        let pool = route.node.pool
        let connection = try pool.lease(forWaiting: false)
        do {
            let value = try await body(RedisConnection(connection, of: self))
            // Keys that are still watched must not end the next caller's transaction.
            let outcome = await connection.send(expecting: 1, deadline: deadline(for: nil)) { $0.write(RawCommand(["UNWATCH"])) }
            if case .reply = outcome { pool.giveBack(connection, isClean: true) } else { pool.giveBack(connection, isClean: false) }
            return value
        } catch {
            pool.giveBack(connection, isClean: false)
            throw error
        }
    }

    /// Runs commands as one: nothing else runs in between, and when one of them cannot be queued none is run. A command that fails while the
    /// transaction runs does not undo the others. In a cluster all keys must belong to one slot.
    /// - Returns: for each command its response, or why it has none.
    /// - Throws: ``RedisError`` when none was run.
    public func transaction<each Command: RedisCommand>(
        _ commands: repeat each Command, deadline: Deadline? = nil
    ) async throws(RedisError) -> (repeat Result<(each Command).Response, RedisError>) {
        var prepared: [PreparedCommand] = []
        repeat prepared.append(PreparedCommand(each commands))
        let replies = try await observed("TRANSACTION") { () async throws(RedisError) in
            try await self.run(transaction: prepared, by: deadline ?? self.deadline(for: nil))
        }
        var index = 0
        return (repeat Self.decode(each commands, replies, &index))
    }

    /// Runs any number of commands as one; as the typed form, but with replies as they came.
    /// - Throws: ``RedisError`` when none was run.
    public func transaction(_ commands: [any RedisCommand], deadline: Deadline? = nil) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        if commands.isEmpty { return [] }
        let prepared = commands.map { PreparedCommand($0) }
        return try await observed("TRANSACTION") { () async throws(RedisError) in
            try await self.run(transaction: prepared, by: deadline ?? self.deadline(for: nil))
        }
    }

    private func run(transaction commands: [PreparedCommand], by deadline: Deadline) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        guard !commands.contains(where: { $0.blocks != nil }) else {
            throw RedisError(.unsupported, "a command that waits on the server does not wait inside a transaction")
        }
        let keys = commands.flatMap(\.keys)
        var route = try await router.route(keys: keys, isReadOnly: false, by: deadline)
        var attempt = 0
        var hops = 0
        while true {
            var used: Connection?
            let moment = Deadline.now
            let outcome = await send(on: route.node, alone: false, expecting: commands.count + 2, by: deadline) { connection in
                used = connection
                return Transaction.writer(for: commands, on: connection)
            }
            do throws(RedisError) {
                return try Transaction.results(outcome, of: commands, on: used)
            } catch {
                if error.isAboutReaching { router.suspect(route) }
                switch RetryDecision.after(error, commands.retrySafety, answeredBy: route.endpoint ?? .host("", port: 0)) {
                case .moved(let redirection) where hops < Self.maximumHops:
                    hops += 1
                    route = try router.moved(redirection)
                    counters.redirected()
                case .relocate:
                    router.relocate(route, asOf: moment)
                    fallthrough
                case .backOff, .moved, .ask:
                    // While a slot moves, ASK cannot serve a transaction: its keys may be in two places.
                    attempt += 1
                    try await pause(attempt, by: deadline, after: error)
                    route = try await router.route(keys: keys, isReadOnly: false, by: deadline)
                case .fail, .sendSource: throw error
                }
            }
        }
    }
}

/// MULTI, commands, EXEC: how they are written and what their replies mean.
enum Transaction {
    static func writer(for commands: [PreparedCommand], on connection: Connection) -> (inout RESPEncoder) -> Void {
        // A script that is not known fails when the transaction runs, too late for another try.
        let withSource = commands.map { command in command.script.map { !connection.knowsScript($0) } ?? false }
        return { encoder in
            encoder.write(RawCommand(["MULTI"]))
            for (command, withSource) in zip(commands, withSource) { command.write(to: &encoder, withSource: withSource) }
            encoder.write(RawCommand(["EXEC"]))
        }
    }

    static func results(
        _ outcome: Connection.Queue.Outcome, of commands: [PreparedCommand], on connection: Connection?
    ) throws(RedisError) -> [Result<RedisReply, RedisError>] {
        let replies: [RedisReply]
        switch outcome {
        case .failure(let error): throw error
        case .reply(let reply): replies = [reply]
        case .replies(let list): replies = list
        }
        guard replies.count == commands.count + 2, let exec = replies.last else {
            throw RedisError(.protocolViolation, "a transaction of \(commands.count) commands got \(replies.count) replies")
        }
        if let error = exec.error {
            // Why a command could not be queued says more than that the transaction was given up, when it is a reason to send it elsewhere
            // or later.
            let reasons = replies.dropLast().lazy.compactMap(\.error)
            throw reasons.first { $0.server?.isTransient == true } ?? error
        }
        if exec.isNull { throw RedisError(.transactionAborted, "a watched key changed", wasSent: true) }
        guard let elements = exec.elements, elements.count == commands.count else { throw exec.unexpected("replies of a transaction") }
        return zip(commands, elements).map { command, reply in
            if let script = command.script { connection?.noteScript(script, isKnown: reply.error?.server?.kind != .noScript) }
            return reply.error.map { .failure($0) } ?? .success(reply)
        }
    }
}
