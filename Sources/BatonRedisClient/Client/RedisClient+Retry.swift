internal import BatonIO

/// Repeating and redirecting.
extension RedisClient {
    /// Redirections followed at once; more of them mean nodes that disagree, and are followed with a pause.
    static let maximumHops = 5

    /// Sends until there is a reply, the failure is final, or the deadline leaves no room for another attempt.
    /// - Parameters:
    ///   - alone: on a connection of its own.
    ///   - first: what a first attempt has brought already.
    ///   - moment: when that was sent; connections made since are not blamed for it, however late its caller hears of it.
    ///   - start: where to send to first; nil is where the keys belong.
    ///   - startsAsking: whether that node has to be told that it was named by ASK.
    func recover(
        _ command: PreparedCommand, alone: Bool = false, first: Connection.Queue.Outcome? = nil, sentAt moment: Deadline = .now,
        from start: Router.Route? = nil, asking startsAsking: Bool = false, by deadline: Deadline
    ) async throws(RedisError) -> RedisReply {
        try await recoverConfirmed(command, alone: alone, first: first, sentAt: moment, from: start, asking: startsAsking, by: deadline).reply
    }

    /// As `recover`, with the reply to what goes behind the command, if anything does: both always come from one connection.
    func recoverConfirmed(
        _ command: PreparedCommand, alone: Bool = false, first: Connection.Queue.Outcome? = nil, sentAt moment: Deadline = .now,
        from start: Router.Route? = nil, asking startsAsking: Bool = false, by deadline: Deadline
    ) async throws(RedisError) -> (reply: RedisReply, confirmation: RedisReply?) {
        var route = if let start { start } else { try await self.route(for: command, by: deadline) }
        var next = first
        var moment = moment
        var asking = startsAsking
        var withSource = false
        var attempt = 0
        var hops = 0
        while true {
            let outcome: Connection.Queue.Outcome
            if let first = next {
                outcome = first
                next = nil
            } else {
                moment = .now
                let count = (asking ? 1 : 0) + 1 + (command.confirmation == nil ? 0 : 1)
                outcome = await send(on: route.node, alone: alone, expecting: count, by: deadline) { connection in
                    // A refusal for an unknown script would come only after the wait behind it.
                    let isUnknown = command.confirmation != nil && command.script.map { !connection.knowsScript($0) } ?? false
                    if isUnknown, let script = command.script { connection.noteScript(script, isKnown: true) }
                    return { encoder in
                        if asking { encoder.write(RawCommand(["ASKING"])) }
                        command.write(to: &encoder, withSource: withSource || isUnknown)
                        if let confirmation = command.confirmation { encoder.write(confirmation) }
                    }
                }
            }
            let error: RedisError
            switch outcome {
            case .failure(let failure): error = failure
            case .reply(let reply):
                guard let refusal = reply.error else { return (reply, nil) }
                error = refusal
            case .replies(let replies):
                // The answer to ASKING comes first, that to WAIT last.
                let index = asking ? 1 : 0
                guard index < replies.count else { throw RedisError(.protocolViolation, "no reply to a command") }
                guard let refusal = replies[index].error else {
                    return (replies[index], index + 1 < replies.count ? replies[index + 1] : nil)
                }
                error = refusal
            }
            asking = false
            if error.isAboutReaching { router.suspect(route) }
            var pauses = false
            switch RetryDecision.after(error, command.retrySafety, answeredBy: route.endpoint ?? .host("", port: 0)) {
            case .fail: throw error
            case .sendSource:
                guard command.script != nil, !withSource else { throw error }
                withSource = true
            case .moved(let redirection):
                route = try router.moved(redirection)
                counters.redirected()
                hops += 1
                pauses = hops > Self.maximumHops
            case .ask(let redirection):
                route = try router.ask(redirection)
                asking = true
                counters.redirected()
                hops += 1
                pauses = hops > Self.maximumHops
            case .relocate:
                router.relocate(route, asOf: moment)
                pauses = true
            case .backOff: pauses = true
            }
            guard pauses else { continue }
            attempt += 1
            try await pause(attempt, by: deadline, after: error)
            if !asking { route = try await self.route(for: command, by: deadline) }
        }
    }

    /// Where a command goes. While nobody serves its slot, waits for that to change.
    func route(for command: PreparedCommand, by deadline: Deadline) async throws(RedisError) -> Router.Route {
        var attempt = 0
        while true {
            do throws(RedisError) {
                return try await router.route(keys: command.keys, isReadOnly: command.isReadOnly, by: deadline)
            } catch {
                guard error.code == .clusterUnavailable else { throw error }
                attempt += 1
                try await pause(attempt, by: deadline, after: error)
            }
        }
    }

    /// Waits before the next attempt.
    /// - Throws: `error` when the deadline would pass meanwhile, or a cancellation.
    func pause(_ attempt: Int, by deadline: Deadline, after error: RedisError) async throws(RedisError) {
        var random = SystemRandomNumberGenerator()
        let wait = configuration.backoff.wait(attempt, using: &random)
        guard Deadline.after(wait) < deadline else { throw error }
        do throws(IOError) {
            try await loops[0].sleep(for: wait)
        } catch {
            if error.code == .cancelled { throw RedisError(.cancelled, "the task was cancelled") }
            throw RedisError(.closed, "the client was closed", underlying: error)
        }
        counters.retried()
    }

    /// Sends on the connection that all share, or on one of its own.
    /// - Parameter writer: makes, for the connection, what writes the commands; that is called with the connection's lock held.
    func send(
        on node: Node, alone: Bool, expecting count: Int, by deadline: Deadline, _ writer: (Connection) -> (inout RESPEncoder) -> Void
    ) async -> Connection.Queue.Outcome {
        guard alone else {
            let connection = node.connection
            return await connection.send(expecting: count, deadline: deadline, writer(connection))
        }
        let pool = node.pool
        do throws(RedisError) {
            // A write that waits for replicas comes with its WAIT, and is no mere wait.
            let connection = try pool.lease(forWaiting: count == 1)
            let outcome = await connection.send(expecting: count, deadline: deadline, writer(connection))
            if case .failure = outcome { pool.giveBack(connection, isClean: false) } else { pool.giveBack(connection, isClean: true) }
            return outcome
        } catch {
            return .failure(error)
        }
    }

    /// A wait may overrun on the server (redis#12998), so only twice its length is a sign of a lost connection.
    func deadline(for blocks: Duration?, from moment: Deadline = .now) -> Deadline {
        guard let blocks else { return moment.advanced(by: configuration.commandTimeout) }
        return blocks == .zero ? .never : moment.advanced(by: blocks * 2 + configuration.commandTimeout)
    }
}
