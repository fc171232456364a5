internal import BatonCore

extension Command {
    static let signals = Command(
        name: "signals", summary: "Tell whoever listens now, and listen",
        discussion: "A signal is heard by those who listen to its channel at this moment, on any machine. It is kept nowhere.",
        commands: [.sendSignal, .listenToSignals])

    private static let sendSignal = Command(
        name: "send", summary: "Send a signal",
        examples: [Example(line: "baton signals send deploys '{\"version\": 7}'", meaning: "To all who listen to deploys")],
        arguments: [channel, Argument(name: "JSON", help: "what is said; what is no JSON is taken as a text", count: .optional)]
    ) { invocation in
        let given = invocation[argument: "JSON"] ?? "null"
        let payload = (try? JSON(parsing: given)) ?? JSON(string: given)
        return try await invocation.withStore(creating: true) { store in
            try await store.signal(payload, on: invocation[argument: "CHANNEL"] ?? "")
            return .success
        }
    }

    private static let listenToSignals = Command(
        name: "listen", summary: "Print signals as they come, one JSON value a line",
        discussion: "Signals that are sent while the connection to the store is lost are not heard.",
        examples: [Example(line: "baton signals listen deploys --count 1", meaning: "Wait for the next one")],
        options: [count.declaration], arguments: [channel]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withStore(creating: true) { store in
            // Somebody who prints too slowly misses signals, as one who does not listen.
            let (signals, continuation) = AsyncStream.makeStream(of: JSON.self, bufferingPolicy: .bufferingNewest(4096))
            let observation = try await store.listen(to: invocation[argument: "CHANNEL"] ?? "") { continuation.yield($0) }
            defer { observation.cancel() }
            console.say("listening")
            var left = invocation[count] ?? .max
            for await signal in signals {
                try console.write(json: signal.bytes)
                left -= 1
                if left == 0 { break }
            }
            return .success
        }
    }

    private static let channel = Argument(name: "CHANNEL", help: "the name of the channel")
    private static let count = Option<Int?>(
        "count", "N", in: 1...Int.max, help: "End after this many signals", traits: OptionTraits(settable: .flagOnly))
}
