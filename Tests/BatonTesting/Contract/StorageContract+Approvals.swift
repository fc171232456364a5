internal import BatonCore
internal import Testing

extension StorageContract {
    static let approvals: [StorageContract] = [
        StorageContract("a question is asked once, and the session shows it in the same step") { subject in
            let key = try await subject.created()
            let request = try ApprovalRequest(key: "pay", prompt: .of(#"{"amount":5}"#), deciders: ["ann"])
            let version = try await subject.record(key).version
            let (approval, asked) = try await subject.ask(request, in: key)
            #expect(asked)
            #expect(approval.status == .pending && approval.prompt == request.prompt && approval.deciders == ["ann"])
            #expect(approval.createdAt == subject.clock.now() && !approval.isApproved)
            #expect(try await subject.types(key) == [Approval.askedType])
            #expect(try await subject.record(key).version == version + 1)
            let again = try await subject.ask(request, in: key)
            #expect(!again.asked && again.approval == approval)
            #expect(try await subject.types(key) == [Approval.askedType])
            let error = await refused(.conflict) {
                let other = try ApprovalRequest(key: "pay", prompt: .of(#"{"amount":6}"#), deciders: ["ann"])
                _ = try await subject.ask(other, in: key)
            }
            #expect(error?.detail == .approval(approval))
        },

        StorageContract("it is decided once, and the session shows it in the same step") { subject in
            let key = try await subject.created()
            try await subject.ask("pay", in: key)
            subject.clock.advance(seconds: 5)
            let yes = try ApprovalDecision("approved", by: "ann", comment: .of(#""fine""#))
            let approval = try await subject.decide("pay", in: key, yes)
            #expect(approval.status == .decided && approval.decision == "approved" && approval.decidedBy == "ann" && approval.isApproved)
            #expect(approval.comment == yes.comment && approval.decidedAt == subject.clock.now())
            #expect(try await subject.types(key) == [Approval.askedType, Approval.decidedType])
            let record = try await subject.record(key)
            // The same again is a retry; anything else comes too late.
            #expect(try await subject.decide("pay", in: key, yes) == approval)
            for late in [ApprovalDecision("rejected", by: "ann"), ApprovalDecision("approved", by: "bob")] {
                let error = await refused(.conflict) { _ = try await subject.decide("pay", in: key, late) }
                #expect(error?.detail == .approval(approval))
            }
            #expect(try await subject.record(key) == record)
            #expect(try await subject.storage.approval("pay", in: key) == approval)
        },

        StorageContract("only those who are named may decide") { subject in
            let key = try await subject.created()
            try await subject.ask("pay", in: key, deciders: ["ann", "bob"])
            await refused(.forbidden) {
                _ = try await subject.decide("pay", in: key, ApprovalDecision("approved", by: "Ann"))
            }
            #expect(try await subject.storage.approval("pay", in: key).status == .pending)
            let approval = try await subject.decide("pay", in: key, ApprovalDecision("rejected", by: "bob"))
            #expect(approval.status == .decided && !approval.isApproved)
        },

        StorageContract("after the deadline the answer is no, and nobody can decide") { subject in
            let key = try await subject.created()
            try await subject.ask("pay", in: key, expiresAt: subject.clock.now().adding(seconds: 10))
            subject.clock.advance(milliseconds: 9999)
            #expect(try await subject.storage.approval("pay", in: key).status == .pending)
            subject.clock.advance(milliseconds: 1)
            let approval = try await subject.storage.approval("pay", in: key)
            #expect(approval.status == .expired && !approval.isApproved)
            await refused(.conflict) {
                _ = try await subject.decide("pay", in: key, ApprovalDecision("approved", by: "ann"))
            }
            #expect(try await subject.types(key) == [Approval.askedType])
            #expect(try await subject.storage.approvals(in: key, status: .expired, after: nil, limit: 10) == [approval])
            await refused(.invalidField) { try await subject.ask("late", in: key, expiresAt: subject.clock.now()) }
        },

        StorageContract("of many deciders one decides") { subject in
            let key = try await subject.created()
            try await subject.ask("pay", in: key)
            let decided = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        let decision = ApprovalDecision(number % 2 == 0 ? "approved" : "rejected", by: "decider \(number)")
                        return (try? await subject.decide("pay", in: key, decision)) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(decided == 1)
            #expect(try await subject.types(key) == [Approval.askedType, Approval.decidedType])
        },

        StorageContract("approvals are listed in the order in which they were asked") { subject in
            let key = try await subject.created()
            for name in ["c", "a", "b"] { try await subject.ask(name, in: key) }
            _ = try await subject.decide("a", in: key, ApprovalDecision("approved", by: "ann"))
            func keys(_ status: Approval.Status? = nil, after: String? = nil, limit: Int = 10) async throws -> [String] {
                try await subject.storage.approvals(in: key, status: status, after: after, limit: limit).map(\.key)
            }
            #expect(try await keys() == ["c", "a", "b"])
            #expect(try await keys(limit: 2) == ["c", "a"])
            #expect(try await keys(after: "a") == ["b"])
            #expect(try await keys(.pending) == ["c", "b"])
            #expect(try await keys(.decided) == ["a"])
            await refused(.invalidCursor) { _ = try await keys(after: "d") }
        },

        StorageContract("approvals live and die with their session") { subject in
            let key = try await subject.created()
            try await subject.ask("pay", in: key)
            try await subject.storage.clear(key)
            #expect(try await subject.storage.approval("pay", in: key).status == .pending)
            _ = try await subject.storage.delete(key)
            await refused(.notFound) { _ = try await subject.storage.approval("pay", in: key) }
            await refused(.notFound) {
                _ = try await subject.decide("pay", in: key, ApprovalDecision("approved", by: "ann"))
            }
            try await subject.created()
            await refused(.notFound) { _ = try await subject.storage.approval("pay", in: key) }
            #expect(try await subject.storage.approvals(in: key, status: nil, after: nil, limit: 10).isEmpty)
        },
    ]
}

extension StorageSubject {
    fileprivate func ask(_ request: ApprovalRequest, in key: SessionKey) async throws -> (approval: Approval, asked: Bool) {
        try await storage.ask(request, in: key, event: request.event(), epoch: nil)
    }

    fileprivate func ask(_ approvalKey: String, in key: SessionKey, deciders: [String] = [], expiresAt: Timestamp? = nil) async throws {
        _ = try await ask(
            ApprovalRequest(key: approvalKey, prompt: JSON(string: "may I?"), deciders: deciders, expiresAt: expiresAt), in: key)
    }

    fileprivate func decide(_ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision) async throws -> Approval {
        try await storage.decide(approvalKey, in: key, decision, event: decision.event(for: approvalKey))
    }

    fileprivate func types(_ key: SessionKey) async throws -> [String?] { try await events(key).map(\.type) }
}
