internal import BatonCore
internal import BatonIO
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension Command {
    static let deliveries = Command(
        name: "deliveries", summary: "Receive what a group hands out, and work on it",
        discussion: """
            Prints deliveries, or gives each to a shell command. What is printed is held until its lease ends and then handed out again, unless it \
            is settled: with --ack once it is printed, or with baton topics ack and baton topics nack by its id and token.

            With --exec the command gets the event as JSON on its input, and BATON_TOPIC, BATON_TYPE, BATON_KEY, BATON_DELIVERY and BATON_ATTEMPT as \
            variables. Exit code 0 says that it is done, 65 that it never can be (a dead letter), any other that it is to come again. The lease is \
            extended while the command runs.

            Without --follow printing ends after one hand-out, and --exec when nothing is left. Control-C lets commands that run end first.
            """,
        examples: [
            Example(line: "baton topics deliveries orders billing --max 100 --ack", meaning: "Up to a hundred, done once they are printed"),
            Example(line: "baton topics deliveries orders billing --follow --exec ./bill", meaning: "A worker: one event after the other"),
            Example(
                line: "baton topics deliveries sessions index --follow --concurrency 8 --exec 'curl -sf -d @- http://index/'",
                meaning: "Eight at a time"),
        ],
        options: [
            Receiving.consumer.declaration, Receiving.maximum.declaration, Receiving.wait.declaration, Receiving.acknowledge.declaration,
            Receiving.command.declaration, Receiving.concurrency.declaration, Receiving.follow.declaration, Receiving.count.declaration,
        ], arguments: [TopicOptions.topic, TopicOptions.group]
    ) { invocation in
        let receiving = try Receiving(invocation)
        return try await invocation.withGroup { group in try await receiving.run(group) }
    }

    static let acknowledge = Command(
        name: "ack", summary: "Say that a delivery is done",
        options: [Receiving.consumer.declaration],
        arguments: [TopicOptions.topic, TopicOptions.group, Receiving.delivery, Receiving.token]
    ) { invocation in try await invocation.settle(.acknowledge) }

    static let reject = Command(
        name: "nack", summary: "Give a delivery back: it comes again after the group's back-off",
        options: [Receiving.consumer.declaration, Receiving.delay.declaration, Receiving.reason.declaration, Receiving.never.declaration],
        arguments: [TopicOptions.topic, TopicOptions.group, Receiving.delivery, Receiving.token]
    ) { invocation in
        guard invocation[Receiving.never] else {
            return try await invocation.settle(
                .reject(delay: invocation[Receiving.delay]?.wholeMilliseconds, reason: invocation[Receiving.reason]))
        }
        guard invocation[Receiving.delay] == nil else {
            throw UsageError(message: "--delay and --dead exclude each other", command: invocation.path.text)
        }
        return try await invocation.settle(.terminate(reason: invocation[Receiving.reason]))
    }
}

/// One run of `baton topics deliveries`.
private struct Receiving {
    static let consumer = Option<String>(
        "consumer", "NAME", default: "cli", help: "Who consumes; what is printed and settled later needs the same name",
        traits: TopicOptions.flagOnly)
    static let maximum = Option<Int>("max", "N", default: 10, in: 1...1000, help: "The most that is printed at once", traits: TopicOptions.flagOnly)
    static let wait = Option<Duration>(
        "wait", "TIME", default: .zero, in: .zero ... .seconds(60), help: "How long to wait when there is nothing", traits: TopicOptions.flagOnly)
    static let acknowledge = Option<Bool>.flag("ack", help: "Acknowledge what was printed", traits: TopicOptions.flagOnly)
    static let command = Option<String?>(
        "exec", "COMMAND", help: "Give each event to this shell command, and settle it by the exit code", traits: TopicOptions.flagOnly)
    static let concurrency = Option<Int>(
        "concurrency", "N", default: 1, in: 1...100, help: "How many commands run at once, with --exec", traits: TopicOptions.flagOnly)
    static let follow = Option<Bool>.flag("follow", help: "Go on with what comes", traits: OptionTraits(short: "f", settable: .flagOnly))
    static let count = Option<Int?>("count", "N", in: 1...Int.max, help: "End after this many events", traits: TopicOptions.flagOnly)

    static let delivery = Argument(name: "ID", help: "the delivery's id")
    static let token = Argument(name: "TOKEN", help: "the delivery's token")
    static let delay = Option<Duration?>(
        "delay", "TIME", in: .zero ... .seconds(43_200), help: "Let it come again after this time", traits: TopicOptions.flagOnly)
    static let reason = Option<String?>("reason", "TEXT", help: "Why", traits: TopicOptions.flagOnly)
    static let never = Option<Bool>.flag("dead", help: "Make it a dead letter at once", traits: TopicOptions.flagOnly)

    private let invocation: Invocation
    private let console: Console
    private let name: String

    init(_ invocation: Invocation) throws(UsageError) {
        guard invocation[Receiving.command] == nil || !invocation[Receiving.acknowledge] else {
            throw UsageError(message: "--exec acknowledges by itself; leave --ack out", command: invocation.path.text)
        }
        guard invocation[Receiving.command] != nil || invocation[Receiving.concurrency] == 1 else {
            throw UsageError(message: "--concurrency goes with --exec", command: invocation.path.text)
        }
        self.invocation = invocation
        console = invocation.console
        name = invocation[Receiving.consumer]
    }

    func run(_ group: GroupHandle) async throws -> ExitCode {
        guard let command = invocation[Receiving.command] else { return try await printAll(group) }
        return try await execute(command, group)
    }

    // MARK: - Printing

    private func printAll(_ group: GroupHandle) async throws -> ExitCode {
        let printer = TopicEventPrinter(group.topic, on: console)
        var left = invocation[Receiving.count] ?? .max
        repeat {
            let received = try await receive(min(invocation[Receiving.maximum], left), group)
            for delivery in received.deliveries { try printer.print(delivery) }
            left -= received.deliveries.count
            if invocation[Receiving.acknowledge], !received.deliveries.isEmpty {
                let outcomes = try await group.settle(
                    received.deliveries.map { Settlement(id: $0.id, token: $0.token, .acknowledge) }, as: name)
                let lost = outcomes.count { $0 == .fenced }
                if lost > 0 { console.complain("\(lost) of them went to another consumer before they were acknowledged") }
            }
        } while invocation[Receiving.follow] && left > 0
        return .success
    }

    private func receive(_ maximum: Int, _ group: GroupHandle) async throws -> Received {
        while true {
            let wait = invocation[Receiving.follow] ? max(invocation[Receiving.wait], .seconds(20)) : invocation[Receiving.wait]
            let received: Received
            do throws(StoreError) { received = try await group.receive(max: maximum, wait: wait, as: name) } catch {
                guard invocation[Receiving.follow], error.isRetryable else { throw error }
                console.say("\(TerminalText.safe(error.message)); trying again")
                try await Task.sleep(for: .seconds(1))
                continue
            }
            if received.lost > 0 { console.complain("\(received.lost) events were trimmed before the group had finished them") }
            if !received.deliveries.isEmpty || !invocation[Receiving.follow] { return received }
        }
    }

    // MARK: - Commands

    private func execute(_ command: String, _ group: GroupHandle) async throws -> ExitCode {
        let (console, topic, consumer) = (console, group.topic, name)
        let (concurrency, maximum) = (invocation[Receiving.concurrency], invocation[Receiving.count] ?? .max)
        let idle = invocation[Receiving.follow] ? nil : invocation[Receiving.wait]
        let failures = Tally()
        let work = Task {
            // Told to end, it waits for the commands that run: they are somebody's work.
            try await group.consume(as: consumer, concurrency: concurrency, drain: .seconds(86_400), upTo: maximum, endingAfter: idle) { delivery in
                do { try await ShellCommand(command, for: delivery, of: topic).run() } catch {
                    failures.increment()
                    console.complain("\(TerminalText.safe(delivery.id)), attempt \(delivery.attempt): \(error)")
                    throw error
                }
            }
        }
        let signals = Tally()
        let loop = try EventLoop(.init(name: "baton-signals"))
        let receiver = try await SignalReceiver([.interrupt, .terminate], on: loop) { signal in
            if signals.increment() > 1 { _exit(128 + signal.rawValue) }
            work.cancel()
        }
        let result = await work.result
        await receiver.stop()
        await loop.shutdown()
        try result.get()
        // A worker that goes on and on has failures now and then; a run over what is there says whether all went well.
        return idle != nil && failures.value > 0 ? .tryAgain : .success
    }

    private final class Tally: Sendable {
        private let count = Atomic(0)
        @discardableResult func increment() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
        var value: Int { count.load(ordering: .relaxed) }
    }
}

extension Invocation {
    /// Settles one delivery by its id and token.
    fileprivate func settle(_ action: Settlement.Action) async throws -> ExitCode {
        let settlement = Settlement(id: self[argument: "ID"] ?? "", token: self[argument: "TOKEN"] ?? "", action)
        return try await withGroup { group in
            guard try await group.settle([settlement], as: self[Receiving.consumer]) == [.done] else {
                throw Failure(.notPermitted, "fenced: the token is not that of the last hand-out to this consumer, or the event is finished")
            }
            return .success
        }
    }
}
