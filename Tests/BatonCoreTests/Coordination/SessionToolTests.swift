import BatonCore
import BatonTesting
import Testing

@Suite("A tool that runs at most once") struct SessionToolTests {
    private let clock = ManualClock()
    private let store: SessionStore
    private let session: Session

    init() async throws {
        store = SessionStore(on: ReferenceModel(clock: clock.now))
        session = try store.session("s", user: "u", app: "a")
        _ = try await store.create(session.key)
    }

    @Test func runsOnceAndGivesItsResultToAll() async throws {
        let runs = Guarded(0)
        for _ in 0..<3 {
            let result = try await session.tool("charge") { attempt in
                runs.withLock { $0 += 1 }
                #expect(attempt.number == 1)
                return JSON(string: "paid")
            }
            #expect(result == JSON(string: "paid"))
        }
        #expect(runs.withLock { $0 } == 1)
    }

    @Test func ofManyWorkersOneRuns() async throws {
        let runs = Guarded(0)
        let session = session
        let results = await withTaskGroup(of: String.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    do {
                        let result = try await session.tool("charge") { _ in
                            runs.withLock { $0 += 1 }
                            for _ in 0..<10 { await Task.yield() }
                            return JSON(string: "paid")
                        }
                        return result.stringValue ?? ""
                    } catch let error as StoreError {
                        return error.code.rawValue
                    } catch {
                        return "\(error)"
                    }
                }
            }
            return await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(runs.withLock { $0 } == 1)
        #expect(results.contains("paid"))
        #expect(Set(results).isSubset(of: ["paid", "busy"]))
    }

    @Test func aBodyThatThrowsHasFailedAndTheNextAttemptRuns() async throws {
        struct Declined: Error {}
        await #expect(throws: Declined.self) { try await session.tool("charge") { _ in throw Declined() } }
        #expect(try await store.toolCall("charge", in: session.key).status == .failed)
        let attempt = Guarded(0)
        _ = try await session.tool("charge") { run in
            attempt.withLock { $0 = run.number }
            return .null
        }
        #expect(attempt.withLock { $0 } == 2)
    }

    @Test func anAmbiguousCallIsNotRunUnlessTheCallerSaysSo() async throws {
        _ = try await store.reserve(ToolReservation(key: "charge", name: "charge", ttlMilliseconds: 1000), in: session.key)
        clock.advance(seconds: 1)
        let error = await #expect(throws: StoreError.self) {
            try await session.tool("charge") { _ in
                Issue.record("it ran")
                return .null
            }
        }
        #expect(error?.code == .conflict)
        for policy in [ToolReservation.AmbiguityPolicy.retry, .fail] {
            let key = "charge \(policy)"
            _ = try await store.reserve(ToolReservation(key: key, name: key, ttlMilliseconds: 1000), in: session.key)
            clock.advance(seconds: 1)
            #expect(try await session.tool(key, onAmbiguous: policy) { JSON(string: "attempt \($0.number)") } == JSON(string: "attempt 2"))
        }
    }

    @Test func aWorkerThatIsCancelledStillSaysHowItEnded() async throws {
        let session = session
        let task = Task {
            try await session.tool("charge") { _ in
                while !Task.isCancelled { await Task.yield() }
                return JSON(string: "done all the same")
            }
        }
        #expect(await eventually { (try? await self.store.toolCall("charge", in: session.key))?.status == .reserved })
        task.cancel()
        #expect(try await task.value == JSON(string: "done all the same"))
        #expect(try await store.toolCall("charge", in: session.key).status == .completed)
    }
}

@Suite("An approval that is waited for") struct SessionApprovalTests {
    private let clock = ManualClock()
    private let store: SessionStore
    private let session: Session

    init() async throws {
        store = SessionStore(on: ReferenceModel(clock: clock.now))
        session = try store.session("s", user: "u", app: "a")
        _ = try await store.create(session.key)
    }

    @Test func aDecisionWakesTheWorker() async throws {
        let session = session
        let worker = Task { try await session.approval("pay", prompt: JSON(string: "may I?")) }
        #expect(await eventually { (try? await self.store.approval("pay", in: session.key)) != nil })
        try await store.decide("pay", in: session.key, ApprovalDecision("approved", by: "ann"))
        #expect(try await worker.value.isApproved)
        // Asking again gives the same answer at once.
        #expect(try await session.approval("pay", prompt: JSON(string: "may I?")).isApproved)
    }

    @Test func aDecisionOnAnotherQuestionDoesNot() async throws {
        let session = session
        let worker = Task { try await session.approval("pay", prompt: JSON(string: "may I?")) }
        #expect(await eventually { (try? await self.store.approval("pay", in: session.key)) != nil })
        try await store.ask(ApprovalRequest(key: "other", prompt: .null), in: session.key)
        try await store.decide("other", in: session.key, ApprovalDecision("approved", by: "ann"))
        #expect(try await store.approval("pay", in: session.key).status == .pending)
        try await store.decide("pay", in: session.key, ApprovalDecision("rejected", by: "ann"))
        #expect(try await worker.value.isApproved == false)
    }

    @Test func aDeadlineThatPassesIsNo() async throws {
        let session = session
        let deadline = clock.now().adding(seconds: 10)
        let worker = Task { try await session.approval("pay", prompt: .null, expiresAt: deadline) }
        #expect(await eventually { (try? await self.store.approval("pay", in: session.key)) != nil })
        clock.advance(seconds: 10)
        let approval = try await worker.value
        #expect(approval.status == .expired)
        #expect(!approval.isApproved)
    }

    @Test func aSessionThatGoesAwayEndsTheWaiting() async throws {
        let session = session
        let worker = Task { try await session.approval("pay", prompt: .null) }
        #expect(await eventually { (try? await self.store.approval("pay", in: session.key)) != nil })
        try await store.delete(session.key)
        await #expect(throws: StoreError.self) { try await worker.value }
    }
}
