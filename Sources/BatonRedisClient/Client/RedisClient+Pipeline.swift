public import BatonIO

/// Several commands in one round trip.
extension RedisClient {
    /// Sends commands together and reads each one's reply. They are run in this order; others may run in between.
    ///
    /// A command that waits on the server gives the pipeline a connection of its own. After a failure commands are repeated only from the
    /// first one on that was refused for the time being, and only when all after it were too, so the order holds.
    /// - Parameter deadline: by when it ends; nil is the configured timeout from now.
    /// - Returns: for each command its response, or why it has none.
    /// - Throws: ``RedisError`` when none of them got a reply.
    public func pipeline<each Command: RedisCommand>(
        _ commands: repeat each Command, deadline: Deadline? = nil
    ) async throws(RedisError) -> (repeat Result<(each Command).Response, RedisError>) {
        var prepared: [PreparedCommand] = []
        repeat prepared.append(PreparedCommand(each commands))
        let replies = try await observed("PIPELINE") { () async throws(RedisError) in try await self.run(prepared, by: deadline) }
        var index = 0
        return (repeat Self.decode(each commands, replies, &index))
    }

    /// Sends any number of commands together; as the typed form, but with replies as they came.
    /// - Throws: ``RedisError`` when none of them got a reply.
    public func pipeline(_ commands: [any RedisCommand], deadline: Deadline? = nil) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        if commands.isEmpty { return [] }
        let prepared = commands.map { PreparedCommand($0) }
        return try await observed("PIPELINE") { () async throws(RedisError) in try await self.run(prepared, by: deadline) }
    }

    /// Tells the observer of several commands.
    func observed<Value>(_ name: StaticString, _ body: () async throws(RedisError) -> Value) async throws(RedisError) -> Value {
        let end = observer?.commandBegan(name)
        do throws(RedisError) {
            let value = try await body()
            end?(nil)
            return value
        } catch {
            end?(error)
            throw error
        }
    }

    /// Reads the reply at `index`.
    static func decode<Command: RedisCommand>(
        _ command: Command, _ replies: [Result<RedisReply, RedisError>], _ index: inout Int
    ) -> Result<Command.Response, RedisError> {
        defer { index += 1 }
        guard index < replies.count else { return .failure(RedisError(.protocolViolation, "no reply to a command")) }
        do throws(RedisError) {
            return .success(try command.decode(replies[index].get()))
        } catch {
            return .failure(error)
        }
    }

    /// Sends commands together, in as many batches as there are nodes to send to.
    func run(_ commands: [PreparedCommand], by limit: Deadline?) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        let deadline = limit ?? self.deadline(for: commands.lazy.compactMap(\.blocks).max())
        guard case .cluster = router else {
            return try await batch(commands, on: router.route(keys: [], isReadOnly: false, by: deadline), by: deadline)
        }
        return try await split(commands, by: deadline)
    }

    /// Sends each node of a cluster its commands, all nodes at once, and puts the replies in the order of the commands.
    ///
    /// What a node refuses because a slot has moved goes to the other node one by one, in order, so the order holds for every key.
    private func split(_ commands: [PreparedCommand], by deadline: Deadline) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        var groups: [ObjectIdentifier: (route: Router.Route, indices: [Int])] = [:]
        for (index, command) in commands.enumerated() {
            // Commands without keys go along with those that have some.
            let route: Router.Route
            if command.keys.isEmpty, let some = groups.values.first {
                route = some.route
            } else {
                route = try await self.route(for: command, by: deadline)
            }
            groups[ObjectIdentifier(route.node), default: (route, [])].indices.append(index)
        }
        let outcomes = await withTaskGroup(of: [(Int, Result<RedisReply, RedisError>)].self) { group in
            for (route, indices) in groups.values {
                group.addTask {
                    let own = indices.map { commands[$0] }
                    do throws(RedisError) {
                        let results = try await self.batch(own, on: route, by: deadline)
                        return await self.follow(Array(zip(indices, results)), of: commands, answeredBy: route, by: deadline)
                    } catch {
                        return indices.map { ($0, .failure(error)) }
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        let sorted = outcomes.sorted { $0.0 < $1.0 }.map(\.1)
        // Nothing arrived anywhere: that is the failure of the whole.
        if case .failure(let error)? = sorted.first, error.server == nil, sorted.allSatisfy({ (try? $0.get()) == nil }) { throw error }
        return sorted
    }

    /// Sends again what a node has refused because its slot is elsewhere.
    private func follow(
        _ results: [(Int, Result<RedisReply, RedisError>)], of commands: [PreparedCommand], answeredBy route: Router.Route, by deadline: Deadline
    ) async -> [(Int, Result<RedisReply, RedisError>)] {
        var results = results
        for (position, (index, result)) in results.enumerated() {
            guard case .failure(let error) = result else { continue }
            let redirected: Router.Route?
            var asking = false
            switch RetryDecision.after(error, commands[index].retrySafety, answeredBy: route.endpoint) {
            case .moved(let redirection): redirected = try? router.moved(redirection)
            case .ask(let redirection):
                redirected = try? router.ask(redirection)
                asking = true
            default: redirected = nil
            }
            guard let redirected else { continue }
            counters.redirected()
            do throws(RedisError) {
                results[position].1 = .success(try await recover(commands[index], from: redirected, asking: asking, by: deadline))
            } catch {
                results[position].1 = .failure(error)
            }
        }
        return results
    }

    /// Sends commands to one node, and repeats what may be repeated.
    private func batch(
        _ commands: [PreparedCommand], on route: Router.Route, by deadline: Deadline
    ) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        let alone = commands.contains { $0.blocks != nil }
        var results: [Result<RedisReply, RedisError>] = []
        var rest = commands[...]
        var attempt = 0
        while true {
            let moment = Deadline.now
            let (replies, failure) = await attemptBatch(rest, on: route.node, alone: alone, by: deadline)
            if let failure {
                if failure.isAboutReaching { router.suspect(route) }
                // In a cluster the commands may belong elsewhere by now; whoever called finds out where.
                if case .cluster = router, rest.retrySafety == .always || !failure.wasSent, RetryDecision.after(failure, rest.retrySafety) == .backOff
                {
                    return await results + oneByOne(rest, by: deadline)
                }
                guard RetryDecision.after(failure, rest.retrySafety) == .backOff else {
                    if results.isEmpty { throw failure }
                    return results + rest.map { _ in .failure(failure) }
                }
                attempt += 1
                do throws(RedisError) {
                    try await pause(attempt, by: deadline, after: failure)
                } catch {
                    if results.isEmpty { throw error }
                    return results + rest.map { _ in .failure(error) }
                }
                continue
            }
            let answered = zip(replies, rest).reversed().drop { reply, command in Self.isRefusedForNow(reply, command) }.count
            results += replies.prefix(answered).map { reply in reply.error.map { .failure($0) } ?? .success(reply) }
            guard answered < replies.count, let refusal = replies[answered].error else { return results }
            rest = rest.dropFirst(answered)
            if RetryDecision.after(refusal, .always) == .relocate { router.relocate(route, asOf: moment) }
            attempt += 1
            do throws(RedisError) {
                // A script that was not known goes out with its source at once, but only once.
                if refusal.server?.kind != .noScript || attempt > 1 { try await pause(attempt, by: deadline, after: refusal) }
            } catch {
                return results + rest.map { _ in .failure(error) }
            }
        }
    }

    /// Sends commands one after the other, each to where its slot is by then.
    private func oneByOne(_ commands: ArraySlice<PreparedCommand>, by deadline: Deadline) async -> [Result<RedisReply, RedisError>] {
        var results: [Result<RedisReply, RedisError>] = []
        for command in commands {
            do throws(RedisError) {
                results.append(.success(try await recover(command, alone: command.blocks != nil, by: deadline)))
            } catch {
                results.append(.failure(error))
            }
        }
        return results
    }

    /// Whether the server says that it did not run a command and that it may be sent again.
    private static func isRefusedForNow(_ reply: RedisReply, _ command: PreparedCommand) -> Bool {
        guard let error = reply.error else { return false }
        switch RetryDecision.after(error, command.retrySafety) {
        case .backOff, .relocate: return true
        case .sendSource: return command.script != nil
        case .fail, .moved, .ask: return false
        }
    }

    /// Sends commands once.
    private func attemptBatch(
        _ commands: ArraySlice<PreparedCommand>, on node: Node, alone: Bool, by deadline: Deadline
    ) async -> ([RedisReply], RedisError?) {
        var used: Connection?
        let outcome = await send(on: node, alone: alone, expecting: commands.count, by: deadline) { connection in
            used = connection
            // Inside a batch a refusal for an unknown script would come too late: what follows it has run already.
            let withSource = commands.map { command in command.script.map { !connection.knowsScript($0) } ?? false }
            return { encoder in
                for (command, withSource) in zip(commands, withSource) { command.write(to: &encoder, withSource: withSource) }
            }
        }
        let replies: [RedisReply]
        switch outcome {
        case .failure(let error): return ([], error)
        case .reply(let reply): replies = [reply]
        case .replies(let list): replies = list
        }
        for (reply, command) in zip(replies, commands) {
            guard let script = command.script else { continue }
            used?.noteScript(script, isKnown: reply.error?.server?.kind != .noScript)
        }
        return (replies, nil)
    }
}
