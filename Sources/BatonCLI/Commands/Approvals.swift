internal import BatonCore

extension Command {
    static let approvals = Command(
        name: "approvals", summary: "See what people are asked, and decide",
        discussion: """
            A worker asks, somebody decides once, before the deadline; whoever follows the session sees both. Only the decision \
            approved says yes.
            """,
        commands: [.listApprovals, .askApproval, .decideApproval])

    private static let listApprovals = Command(
        name: "list", summary: "List the approvals of a session, first asked first",
        examples: [Example(line: "baton approvals list demo/ann/first --status pending", meaning: "What waits for a decision")],
        options: [approvalStatus.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        return try await invocation.withStore { store in
            var after: String?
            var table = Table(["KEY", "STATUS", "DECISION", "BY", "UNTIL", "PROMPT"].map { Table.Column(title: $0) })
            var count = 0
            while true {
                let page = try await store.approvals(in: key, status: invocation[approvalStatus], after: after, limit: Approval.maximumPage)
                for approval in page {
                    count += 1
                    switch console.format {
                    case .ndjson: try console.write(approval)
                    case .table:
                        table.add([
                            approval.key, approval.status.rawValue, approval.decision ?? "", approval.decidedBy ?? "",
                            approval.expiresAt?.description ?? "", approval.prompt.description,
                        ])
                    }
                }
                guard page.count == Approval.maximumPage, let last = page.last else { break }
                after = last.key
            }
            guard console.format == .table else { return .success }
            if count == 0 {
                console.say("No approvals.")
            } else {
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let askApproval = Command(
        name: "ask", summary: "Ask, and print what stands there",
        examples: [
            Example(
                line: "baton approvals ask demo/ann/first pay-17 '{\"amount\": 5}' --decider ann --expires 1h", meaning: "Ann may decide, for an hour"
            )
        ],
        options: [deciders.declaration, expiry.declaration] + OwnerOptions.declarations,
        arguments: [
            SessionName.argument, Argument(name: "KEY", help: "the question's key"), Argument(name: "PROMPT", help: "what is asked: JSON, or text"),
        ]
    ) { invocation in
        let key = try invocation.session()
        let given = invocation[argument: "PROMPT"] ?? ""
        let expiresAt = invocation[expiry].map { SystemClock.now().adding(milliseconds: $0.wholeMilliseconds) }
        let request = ApprovalRequest(
            key: invocation[argument: "KEY"] ?? "", prompt: (try? JSON(parsing: given)) ?? JSON(string: given), deciders: invocation[deciders],
            expiresAt: expiresAt)
        return try await invocation.withStore { store in
            try invocation.console.write(try await store.ask(request, in: key).approval)
            return .success
        }
    }

    private static let decideApproval = Command(
        name: "decide", summary: "Decide, once",
        examples: [
            Example(line: "baton approvals decide demo/ann/first pay-17 approved --by ann", meaning: "Yes"),
            Example(line: "baton approvals decide demo/ann/first pay-17 rejected --by ann --comment 'too much'", meaning: "No, and why"),
        ],
        options: [decider.declaration, comment.declaration] + OwnerOptions.declarations,
        arguments: [
            SessionName.argument, Argument(name: "KEY", help: "the question's key"),
            Argument(name: "DECISION", help: "approved, or anything else for no"),
        ]
    ) { invocation in
        let key = try invocation.session()
        guard let by = invocation[decider] else {
            throw UsageError(message: "\(invocation.path.text) needs --by NAME: who decides", command: invocation.path.text)
        }
        let decision = ApprovalDecision(
            invocation[argument: "DECISION"] ?? "", by: by,
            comment: invocation[comment].map { text in (try? JSON(parsing: text)) ?? JSON(string: text) })
        return try await invocation.withStore { store in
            try invocation.console.write(try await store.decide(invocation[argument: "KEY"] ?? "", in: key, decision))
            return .success
        }
    }

    private static let flagOnly = OptionTraits(settable: .flagOnly)
    private static let approvalStatus = Option<Approval.Status?>("status", "STATUS", help: "Only those that are this far", traits: flagOnly)
    private static let deciders = Option<[String]>(repeated: "decider", "NAME", help: "Who may decide; anybody without", traits: flagOnly)
    private static let expiry = Option<Duration?>("expires", "TIME", help: "How long it can be decided; then the answer is no", traits: flagOnly)
    private static let decider = Option<String?>("by", "NAME", help: "Who decides", traits: flagOnly)
    private static let comment = Option<String?>("comment", "JSON", help: "What the decider adds: JSON, or text", traits: flagOnly)
}

extension Approval.Status: ArgumentValue {}

extension Console {
    /// An approval as one JSON object.
    fileprivate func write(_ approval: Approval) throws {
        var writer = JSONWriter()
        writer.approval(approval)
        try write(json: writer.bytes)
    }
}
