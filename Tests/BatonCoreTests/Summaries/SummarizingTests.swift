import BatonTelemetry
import BatonTesting
import Synchronization
import Testing

@testable import BatonCore

/// Says which events it was given, and does as it is told.
final class ScriptedSummarizer: Summarizer {
    struct State {
        var inputs: [SummaryInput] = []
        var running = 0
        var mostRunning = 0
        var cancelled = 0
    }

    enum Manner: Sendable {
        case answer
        /// Waits until it is let go.
        case wait
        case fail
        case silence
        /// Sleeps, and notices when it is cancelled.
        case dawdle
    }

    let state = Mutex(State())
    let manner: Mutex<Manner>
    let model: String?

    init(_ manner: Manner = .answer, model: String = "script") {
        self.manner = Mutex(manner)
        self.model = model
    }

    struct Broken: Error {}

    func summarize(_ input: SummaryInput) async throws -> String {
        state.withLock {
            $0.inputs.append(input)
            $0.running += 1
            $0.mostRunning = max($0.mostRunning, $0.running)
        }
        defer { state.withLock { $0.running -= 1 } }
        switch manner.withLock({ $0 }) {
        case .answer: break
        case .fail: throw Broken()
        case .silence: return " \n"
        case .wait: while manner.withLock({ $0 == .wait }) { try? await Task.sleep(for: .milliseconds(2)) }
        case .dawdle:
            do { try await Task.sleep(for: .seconds(600)) } catch {
                state.withLock { $0.cancelled += 1 }
                throw error
            }
        }
        return (input.previous.map { "\($0)+" } ?? "") + input.events.map { "\($0.seq)" }.joined(separator: ",")
    }

    var inputs: [SummaryInput] { state.withLock { $0.inputs } }
    var isWaiting: Bool { state.withLock { $0.running > 0 } }
    func letGo() { manner.withLock { $0 = .answer } }
}

@Suite("Making summaries", .timeLimit(.minutes(5)))
struct SummarizingTests {
    private let model = ReferenceModel(clock: { SystemClock.now() })
    private let script = ScriptedSummarizer()
    private let key = SessionKey(owner: UserKey(checkedApp: "a", user: "u"), checkedID: "s")

    private func store(_ trigger: SummaryTrigger? = .events(3), _ change: (inout SummaryConfiguration) -> Void = { _ in }) throws -> SessionStore {
        var configuration = SummaryConfiguration(script, trigger: trigger)
        configuration.keptEvents = 0
        change(&configuration)
        return try SessionStore(on: model).with(summaries: configuration)
    }

    /// Appends so many events in one batch.
    private func appendBatch(_ count: Int, _ store: SessionStore, branch: String) async throws {
        let events = try (0..<count).map { try EventDraft(NewEvent(JSON(string: "text \($0)"), role: "assistant", branch: branch)) }
        _ = try await store.append(EventBatch(events, createsSession: true), to: key)
    }

    private func append(_ count: Int, _ store: SessionStore, branch: String? = nil, role: String = "assistant") async throws {
        for number in 0..<count {
            let event = try EventDraft(NewEvent(JSON(string: "text \(number)"), role: role, branch: branch))
            _ = try await store.append(EventBatch([event], createsSession: true), to: key)
        }
    }

    // MARK: - Asked for

    @Test("without a summarizer nothing happens, whatever is asked")
    func withoutSummarizer() async throws {
        let store = SessionStore(on: model)
        try await append(5, store)
        #expect(!store.makesSummaries)
        #expect(try await store.summarize(key) == nil)
        #expect(try await store.requestSummary(of: key) == false)
        #expect(try await store.summaries(of: key).summaries.isEmpty)
    }

    @Test("a summary is made of what came since the last one, and of its words")
    func incremental() async throws {
        let store = try store(nil)
        try await append(4, store)
        let first = try #require(try await store.summarize(key))
        #expect(first.text == "1,2,3,4" && first.boundary.seq == 4 && first.events == 4 && first.model == "script")
        let record = try await store.get(key).record
        #expect(first.mark == record.tokens)
        try await append(2, store)
        let second = try #require(try await store.session(key).summarize())
        #expect(second.text == "1,2,3,4+5,6" && second.events == 6)
        #expect(script.inputs.map(\.previous) == [nil, "1,2,3,4"])
        // Nothing new: the model is not asked, and what is stored is given.
        #expect(try await store.summarize(key) == second)
        #expect(script.inputs.count == 2)
        #expect(try await store.summary(of: key) == second)
        #expect(try await store.get(key, summaries: true).summaries == [second])
    }

    @Test("the newest events are kept, a tool round is not parted, and a long history is taken in steps")
    func steps() async throws {
        let store = try store(nil) {
            $0.keptEvents = 3
            $0.maximumInputTokens = 100
        }
        try await append(2, store)
        #expect(try await store.summarize(key) == nil && script.inputs.isEmpty)
        for _ in 0..<5 {
            let texts = ["{\"tool_calls\":[{\"id\":\"c\"}]}", "{\"tool_call_id\":\"c\",\"content\":\"\(String(repeating: "x", count: 200))\"}"]
            for text in texts { _ = try await store.session(key).append(NewEvent(JSON(parsing: text), role: "tool")) }
        }
        let summary = try #require(try await store.summarize(key))
        #expect(summary.boundary.seq == 8 && summary.events == 8)
        #expect(script.inputs.count > 2)
        #expect(script.inputs.flatMap(\.events).map(\.seq) == Array(1...8))
        #expect(script.inputs.allSatisfy { WholeTranscript($0.events).orphans.isEmpty })
    }

    @Test("a trigger that is not exceeded makes nothing unless it is forced")
    func forced() async throws {
        let store = try store(.events(100))
        try await append(4, store)
        #expect(try await store.summarize(key, isForced: false) == nil)
        #expect(try await store.summarize(key)?.boundary.seq == 4)
    }

    @Test("hooks see and change what goes in and what comes out; their errors end it")
    func hooks() async throws {
        struct No: Error {}
        let refuses = Guarded(false)
        let store = try store(nil) {
            $0.maximumWords = 7
            $0.willSummarize = { input in
                if refuses.withLock({ $0 }) { throw No() }
                input.events.removeFirst()
            }
            $0.didSummarize = { input, text in text = "\(text) of \(input.events.count), \(input.maximumWords ?? 0) words" }
        }
        try await append(3, store)
        let summary = try #require(try await store.summarize(key))
        #expect(summary.text == "2,3 of 2, 7 words" && summary.boundary.seq == 3)
        refuses.withLock { $0 = true }
        try await append(1, store)
        await #expect(throws: StoreError.self) { _ = try await store.summarize(key) }
        #expect(try await store.summary(of: key) == summary)
        // The claim was given back.
        refuses.withLock { $0 = false }
        #expect(try await store.summarize(key)?.boundary.seq == 4)
    }

    @Test("what fails, is silent or takes too long stores nothing, and the next try is free to begin")
    func failures() async throws {
        let store = try store(nil) { $0.timeout = .seconds(2) }
        try await append(3, store)
        script.manner.withLock { $0 = .fail }
        let error = await #expect(throws: StoreError.self) { _ = try await store.summarize(key) }
        #expect(error?.code == .summaryFailed && error?.underlying is ScriptedSummarizer.Broken)
        script.manner.withLock { $0 = .silence }
        #expect(try await store.summarize(key) == nil)
        script.manner.withLock { $0 = .dawdle }
        let late = await #expect(throws: StoreError.self) { _ = try await store.summarize(key) }
        #expect(late?.code == .cancelled)
        #expect(await eventually { script.state.withLock { $0.cancelled } == 1 })
        #expect(try await store.summary(of: key) == nil)
        script.manner.withLock { $0 = .answer }
        #expect(await eventually { (try? await store.summarize(key)) != nil })
    }

    @Test("events that change while it is made, and a session that goes, leave nothing behind", arguments: [0, 1, 2, 3])
    func outdated(change: Int) async throws {
        let store = try store(nil) { $0.timeout = .seconds(30) }
        try await append(4, store)
        script.manner.withLock { $0 = .wait }
        let making = Task { try await store.summarize(key) }
        #expect(await eventually { script.isWaiting })
        let second = try await store.events(in: key).events[1].id
        switch change {
        case 0: _ = try await store.replace(second, in: key, with: EventPatch(content: JSON(string: "new")))
        case 1: _ = try await store.rewind(key, RewindDraft(to: .seq(2)))
        case 2: try await store.clear(key)
        default:
            try await store.delete(key)
            try await append(1, store)
        }
        script.letGo()
        let result = await making.result
        let stored = try await store.summary(of: key)
        switch change {
        // It was begun again with what is true now.
        case 0: #expect(stored?.text == "1,2,3,4" && script.inputs.count == 2 && script.inputs[1].events[1].content.stringValue == "new")
        case 1: #expect(stored?.text == "1,2" && script.inputs.count == 2)
        case 2: #expect(stored == nil && (try? result.get()) == .some(nil))
        default: #expect(stored == nil || stored?.text == "1")
        }
    }

    @Test("of many who ask at once one makes it, and all get it")
    func together() async throws {
        let stores = try (0..<3).map { _ in try store(nil) { $0.timeout = .seconds(30) } }
        try await append(4, stores[0])
        script.manner.withLock { $0 = .wait }
        let tasks = stores.flatMap { store in (0..<3).map { _ in Task { try await store.summarize(key) } } }
        #expect(await eventually { script.isWaiting })
        script.letGo()
        for task in tasks { #expect(try await task.value?.text == "1,2,3,4") }
        #expect(script.inputs.count == 1)
    }

    // MARK: - By itself

    @Test("a summary is made when the trigger says so, in the background, and not before")
    func triggered() async throws {
        let store = try store(.events(3))
        try await append(3, store)
        #expect(await eventually { store.gauge("summaries_running") == 0 && store.gauge("summaries_waiting") == 0 })
        #expect(script.inputs.isEmpty)
        try await append(1, store)
        #expect(try await eventually { try await store.summary(of: key)?.boundary.seq == 4 })
        try await append(4, store)
        #expect(try await eventually { try await store.summary(of: key)?.boundary.seq == 8 })
        #expect(script.inputs.map { $0.events.map(\.seq) } == [[1, 2, 3, 4], [5, 6, 7, 8]])
        #expect(await eventually { store.gauge("summaries_made") == 2 })
        await store.close()
    }

    @Test("tokens are counted by the store, also those that another process appends, without reading the history")
    func tokens() async throws {
        let counting = CountingStorage(model)
        var configuration = SummaryConfiguration(script, trigger: .tokens(1_000))
        configuration.keptEvents = 0
        let store = try SessionStore(on: counting).with(summaries: configuration)
        let other = SessionStore(on: model)
        let text = try EventDraft(NewEvent(JSON(string: String(repeating: "x", count: 394))))
        #expect(text.tokens == 103)
        for number in 1...9 {
            _ = try await (number.isMultiple(of: 2) ? other : store).append(EventBatch([text], createsSession: true), to: key)
            #expect(await eventually { store.gauge("summaries_running") == 0 && store.gauge("summaries_waiting") == 0 })
        }
        #expect(counting.reads == 0 && script.inputs.isEmpty)
        _ = try await other.append(EventBatch([text]), to: key)
        _ = try await store.append(EventBatch([text]), to: key)
        #expect(try await eventually { try await store.summary(of: key)?.boundary.seq == 11 })
        await store.close()
    }

    @Test("a session that nothing happens to is looked at")
    func idle() async throws {
        let store = try store(.idle(.seconds(1)))
        try await append(2, store)
        #expect(try await eventually { try await store.summary(of: key)?.boundary.seq == 2 })
        #expect(script.inputs.count == 1)
        await store.close()
    }

    @Test("events of a branch make its summary and then that of the whole session, with one call where both say the same")
    func cascade() async throws {
        let store = try store(.events(3))
        try await appendBatch(4, store, branch: "a")
        #expect(try await eventually { try await store.summaries(of: key).summaries.map(\.filter) == ["", "a"] })
        #expect(script.inputs.count == 1 && script.inputs[0].filter == "a")
        let list = try await store.summaries(of: key)
        #expect(list[""]?.text == list["a"]?.text)
        // Now another branch: what the whole session says is not what the branch says.
        try await appendBatch(4, store, branch: "b")
        #expect(try await eventually { try await store.summaries(of: key)[""]?.boundary.seq == 8 })
        #expect(try await store.summary(of: key, filter: "b")?.text == "5,6,7,8")
        #expect(try await store.summary(of: key)?.text == "1,2,3,4+5,6,7,8")
        #expect(try await store.summary(of: key, filter: "a")?.boundary.seq == 4)
        await store.close()
    }

    @Test("branches that are not wanted have no summary of their own, and where nothing cascades the session has none")
    func allowed() async throws {
        let store = try store(.events(3)) {
            $0.branches = .only(["wanted"])
            $0.cascades = false
        }
        try await append(4, store, branch: "other")
        try await append(4, store, branch: "wanted/below")
        #expect(try await eventually { try await store.summaries(of: key).summaries.map(\.filter) == ["wanted/below"] })
        await store.close()
    }

    @Test("no more than the workers run, the queue has an end, and what found no room is made when the session goes on")
    func bounds() async throws {
        script.manner.withLock { $0 = .wait }
        let store = try store(.events(1)) {
            $0.workers = 2
            $0.queueLimit = 3
        }
        let keys = (0..<8).map { SessionKey(owner: key.owner, checkedID: "\($0)") }
        for key in keys {
            _ = try await store.append(
                EventBatch([EventDraft(.message("a", role: "user")), EventDraft(.message("b", role: "user"))], createsSession: true), to: key)
        }
        #expect(await eventually { script.state.withLock { $0.running } == 2 && store.gauge("summaries_waiting") == 3 })
        #expect(store.gauge("summaries_dropped") == 3)
        let last = keys[7]
        await #expect(throws: StoreError.self) { try await store.requestSummary(of: last, isForced: true) }
        script.letGo()
        #expect(await eventually { store.gauge("summaries_made") == 5 })
        #expect(script.state.withLock { $0.mostRunning } == 2)
        _ = try await store.append(EventBatch([EventDraft(.message("c", role: "user"))]), to: last)
        #expect(try await eventually { try await store.summary(of: last)?.boundary.seq == 3 })
        await store.close()
    }

    @Test("a session whose summary failed is left alone for a while")
    func pause() async throws {
        script.manner.withLock { $0 = .fail }
        let store = try store(.events(1)) { $0.pauseAfterFailure = .seconds(600) }
        try await append(2, store)
        #expect(await eventually { store.gauge("summaries_failed") == 1 })
        try await append(5, store)
        #expect(script.inputs.count == 1)
        // Who asks is not refused.
        script.manner.withLock { $0 = .answer }
        #expect(try await store.summarize(key)?.boundary.seq == 7)
        await store.close()
    }

    private enum Tenant { @TaskLocal static var current = "nobody" }

    @Test("the summarizer sees the task-local values of who appended, however long the session waits for its turn, and not their cancellation")
    func taskLocals() async throws {
        script.manner.withLock { $0 = .wait }
        let seen = Guarded<[String: String]>([:])
        let note: @Sendable (inout SummaryInput) async throws -> Void = { input in seen.withLock { $0[input.session.id] = Tenant.current } }
        let store = try store(.events(1)) {
            $0.workers = 1
            $0.willSummarize = note
        }
        let tenants = ["0", "1", "2"]
        for tenant in tenants {
            let key = SessionKey(owner: key.owner, checkedID: tenant)
            let appending = Task {
                try await Tenant.$current.withValue(tenant) {
                    _ = try await store.append(
                        EventBatch([EventDraft(.message("a", role: "user")), EventDraft(.message("b", role: "user"))], createsSession: true), to: key)
                }
            }
            try await appending.value
            appending.cancel()
            #expect(await eventually { script.isWaiting })
        }
        #expect(store.gauge("summaries_waiting") == 2)
        script.letGo()
        #expect(await eventually { store.gauge("summaries_made") == 3 })
        #expect(seen.withLock { $0 } == ["0": "0", "1": "1", "2": "2"])
        // Whoever lets time pass is nobody.
        let idle = try self.store(.idle(.seconds(1))) { $0.willSummarize = note }
        try await Tenant.$current.withValue("x") { try await append(1, idle) }
        #expect(await eventually { seen.withLock { $0["s"] } == "nobody" })
        await store.close()
        await idle.close()
    }

    @Test("each session is summarised by whom it is chosen for, with their model's name, and by nobody where nobody is")
    func choice() async throws {
        let other = ScriptedSummarizer(model: "other")
        var configuration = SummaryConfiguration(
            SummarizerChoice { [script] key, filter in
                switch key.id {
                case "none": nil
                case "other": filter.isEmpty ? other : SummarizerChoice { _, _ in nil }
                default: script
                }
            }, trigger: nil)
        configuration.keptEvents = 0
        let store = try SessionStore(on: model).with(summaries: configuration)
        for id in ["one", "other", "none"] {
            let session = store.session(SessionKey(owner: key.owner, checkedID: id))
            try await session.append(.message("text", role: "user"), creating: true)
            #expect(try await session.summarize()?.model == ["one": "script", "other": "other", "none": nil][id])
            #expect(try await session.summarize(filter: "branch") == nil || id == "one")
        }
        #expect(other.inputs.count == 1 && other.inputs[0].filter.isEmpty && script.inputs.allSatisfy { $0.session.id == "one" })
        await store.close()
    }

    @Test("every attempt that had something to do is reported: why, what it took, and what came of it")
    func reports() async throws {
        let reports = Guarded<[SummaryReport]>([])
        let store = try store(.any([.events(3), .tokens(1 << 20)])) { $0.onReport = { report in reports.withLock { $0.append(report) } } }
        try await appendBatch(4, store, branch: "a")
        #expect(await eventually { reports.withLock { $0.count } == 2 })
        let tokens = try await store.get(key).record.tokens
        let branch = reports.withLock { $0[0] }
        #expect(branch.session == key && branch.filter == "a" && branch.cause == .trigger([.events(3)]))
        #expect(branch.calls == 1 && branch.events == 4 && branch.tokens == tokens)
        #expect(try branch.result.get()?.text == "1,2,3,4")
        // The words were there already.
        let whole = reports.withLock { $0[1] }
        #expect(whole.filter.isEmpty && whole.calls == 0 && whole.events == 0)
        #expect(try whole.result.get()?.text == "1,2,3,4")
        // Nothing to do is nothing to report.
        _ = try await store.summarize(key)
        #expect(reports.withLock { $0.count } == 2)
        try await append(1, store)
        script.manner.withLock { $0 = .fail }
        await #expect(throws: StoreError.self) { try await store.summarize(key) }
        script.manner.withLock { $0 = .silence }
        _ = try await store.summarize(key)
        #expect(reports.withLock { $0.map(\.cause) }.suffix(2) == [.demand, .demand])
        let (failed, silent) = reports.withLock { ($0[2], $0[3]) }
        #expect(failed.calls == 1 && failed.events == 1 && silent.calls == 1)
        #expect(throws: StoreError.self) { try failed.result.get() }
        #expect(try silent.result.get() == nil)
        await store.close()
    }

    @Test("a summary has a span in the trace of who made it due")
    func traced() async throws {
        let spans = MemorySpans()
        let store = try SessionStore(on: model, tracer: RecordingTracer(to: spans)).with(
            summaries: {
                var configuration = SummaryConfiguration(script, trigger: .events(1))
                configuration.keptEvents = 0
                return configuration
            }())
        let request = try #require(TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"))
        try await ActiveSpan.$current.withValue(PassiveSpan(request)) { try await append(2, store) }
        // The first append was looked at too, and nothing was due.
        func made() -> SpanRecord? { spans.named("summarize").first { $0["event_count"] != nil } }
        #expect(await eventually { made() != nil })
        let span = try #require(made())
        #expect(span.context.traceID == request.traceID && span.parentID == request.spanID && span.failure == nil)
        #expect(span["session_id"] == "s" && span["filter"] == "" && span["event_count"] == 2)
        script.manner.withLock { $0 = .fail }
        try await append(1, store)
        await #expect(throws: StoreError.self) { try await store.summarize(key) }
        #expect(spans.named("summarize").last?["error.type"] == .string(StoreError.Code.summaryFailed.rawValue))
        await store.close()
    }

    @Test("closing cancels what runs, and nothing of it is stored")
    func closing() async throws {
        script.manner.withLock { $0 = .dawdle }
        let store = try store(.events(1))
        try await append(2, store)
        #expect(await eventually { script.state.withLock { $0.running } == 1 })
        await store.close()
        #expect(await eventually { script.state.withLock { $0.cancelled } == 1 })
    }

    @Test("a configuration that makes no sense is refused")
    func configuration() {
        let changes: [@Sendable (inout SummaryConfiguration) -> Void] = [
            { $0.workers = 0 }, { $0.queueLimit = 0 }, { $0.timeout = .zero }, { $0.keptEvents = -1 }, { $0.maximumWords = 0 },
            { $0.maximumInputTokens = 1 },
            { $0.trigger = .events(0) }, { $0.branches = .only(["*"]) },
        ]
        for change in changes { #expect(throws: StoreError.self) { _ = try store(nil, change) } }
    }

    // MARK: - Made by others

    @Test("who made a summary stores it, at a place that is there, and never behind a newer one")
    func setByHand() async throws {
        let store = SessionStore(on: model)
        try await append(4, store)
        let places = try await store.events(in: key).events.map(\.offset)
        let stored = try await store.setSummary("three", of: key, through: .offset(places[2]), model: "me")
        #expect(stored.boundary == places[2] && stored.model == "me")
        await #expect(throws: StoreError.self) { try await store.setSummary("two", of: key, through: .seq(2)) }
        await #expect(throws: StoreError.self) { try await store.setSummary("five", of: key, through: .seq(5)) }
        await #expect(throws: StoreError.self) { try await store.setSummary("none", of: key, through: .seq(0)) }
        await #expect(throws: StoreError.self) { try await store.setSummary("  ", of: key, through: .seq(4)) }
        await #expect(throws: StoreError.self) {
            try await store.setSummary("other", of: key, through: .offset(Offset(milliseconds: places[3].milliseconds + 1, seq: 4)))
        }
        #expect(try await store.summary(of: key)?.text == "three")
        // A claim is taken from whoever has it, and given back after a refusal.
        let claim = try await store.claim(SummaryClaim(holder: "worker", ttlMilliseconds: 60_000), of: key)
        #expect(try await store.setSummary("four", of: key, through: .seq(4)).mark == store.get(key).record.tokens)
        await #expect(throws: StoreError.self) { try await store.put(SummaryDraft(text: "late", boundary: places[3]), of: key, claim: claim) }
    }
}

extension SessionStore {
    /// The value of a gauge.
    fileprivate func gauge(_ name: String) -> Int { gauges.first { $0.name == name }.map { Int($0.value) } ?? -1 }
}
