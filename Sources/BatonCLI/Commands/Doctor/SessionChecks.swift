internal import BatonCore

/// Looks through one conversation for what a model would refuse: tool calls without results, results without calls.
struct SessionChecks {
    static let session = Option<String?>(
        "session", "SESSION", help: "Look through this conversation, APP/USER/SESSION, instead", traits: OptionTraits(settable: .flagOnly))
    static let repair = Option<Bool>.flag(
        "repair", help: "Remove what was found from the conversation", traits: OptionTraits(settable: .flagOnly))

    private let invocation: Invocation
    private let key: SessionKey

    init(_ invocation: Invocation, _ name: String) throws {
        self.invocation = invocation
        key = try SessionName(name, in: invocation).session()
    }

    func findings() async throws -> [Finding] {
        let repairs = invocation[SessionChecks.repair]
        let console = invocation.console
        var found: [Finding] = []
        _ = try await invocation.withStore { store in
            var isDone = false
            while !isDone {
                let orphans = try await store.orphans(in: key) { count in
                    if count % 100_000 == 0 { console.say("Looked at \(count) events") }
                }
                let newest = try await store.get(key, SnapshotQuery(events: 1)).events.last?.seq
                isDone = true
                for orphan in orphans {
                    // The call that was made last may be under way.
                    let isRunning = orphan.seq == newest && !orphan.unansweredCalls.isEmpty
                    if repairs, !isRunning {
                        try await store.remove(orphan.id, in: key)
                        // What was the other half of it is one now.
                        isDone = false
                    }
                    found.append(SessionChecks.finding(orphan, isRunning: isRunning, isRepaired: repairs && !isRunning))
                }
            }
            return .success
        }
        return found.isEmpty ? [.ok("tool rounds", "every tool call has its result, and every result its call")] : found
    }

    private static func finding(_ orphan: WholeTranscript.Orphan, isRunning: Bool, isRepaired: Bool) -> Finding {
        let calls = orphan.unansweredCalls.map { "the call \($0) has no result" }
        let results = orphan.strayResults.map { "the result of \($0) has no call" }
        let detail = "event \(orphan.seq) (\(orphan.id)): \((calls + results).joined(separator: ", "))"
        if isRepaired { return .ok("tool rounds", "removed \(detail)") }
        if isRunning { return .warning("tool rounds", detail, do: "It is the newest event, so its tool may be running; look again later") }
        return .error(
            "tool rounds", detail, do: "Leave such events out with view=model when you read, or take them out with --repair", exitCode: .badData)
    }
}
