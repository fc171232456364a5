internal import BatonCore
internal import BatonHTTP

extension Route {
    static let ledger: [Route] = toolCalls + approvals

    private static let toolCalls: [Route] = [
        .write(
            .post, session + "/tool-calls", "reserveToolCall",
            "Reserve a tool call: 201 when it is yours to run; 200 with what is known of it when it is completed, ambiguous or failed; 409 while another "
                + "worker holds it.", parameters: [.epoch], request: "ToolReservation", responses: [(201, "ToolCall"), (200, "ToolCall")]
        ) { api, call in
            let (toolCall, granted) = try await api.store.reserve(ToolReservation(parsing: call.json()), in: call.session(), epoch: call.epoch())
            return .json(granted ? 201 : 200) { $0.toolCall(toolCall) }
        },
        .get(
            session + "/tool-calls", "listToolCalls", "The tool calls of a session, first reserved first.",
            parameters: [
                .query("status", "string", "Only these: reserved, completed, failed or ambiguous."),
                .query("after", "string", "The key that the last page ended with."),
                .query("limit", "integer", "The most calls of the page, 1 to 1000; 100 by default."),
            ], responses: [(200, "ToolCallPage")]
        ) { api, call in
            let query = ToolCallQuery(
                status: try call.choice("status", default: nil), after: try call.text("after"),
                limit: try call.int("limit", in: 1...1000, default: 100))
            let page = try await api.store.toolCalls(in: call.session(), query)
            return .json { $0.toolCalls(page) }
        },
        .get(session + "/tool-calls/{key}", "getToolCall", "One tool call.", responses: [(200, "ToolCall")]) { api, call in
            let toolCall = try await api.store.toolCall(call.variables[3], in: call.session())
            return .json { $0.toolCall(toolCall) }
        },
        .write(
            .put, session + "/tool-calls/{key}", "finishToolCall",
            "Complete, fail or extend a tool call. The worker shows its attempt; without one only an ambiguous call can be resolved.",
            parameters: [.epoch], request: "ToolOutcome", responses: [(200, "ToolCall")]
        ) { api, call in
            let (outcome, attempt) = try ToolOutcome.parsing(call.json())
            let toolCall = try await api.store.finish(call.variables[3], in: call.session(), outcome, attempt: attempt, epoch: call.epoch())
            return .json { $0.toolCall(toolCall) }
        },
    ]

    private static let approvals: [Route] = [
        .write(
            .post, session + "/approvals", "askApproval",
            "Ask people; 201 when it was asked now, 200 with what stands there when it was asked before.",
            parameters: [.epoch], request: "ApprovalRequest", responses: [(201, "Approval"), (200, "Approval")]
        ) { api, call in
            let (approval, asked) = try await api.store.ask(ApprovalRequest(parsing: call.json()), in: call.session(), epoch: call.epoch())
            return .json(asked ? 201 : 200) { $0.approval(approval) }
        },
        .get(
            session + "/approvals", "listApprovals", "The approvals of a session, first asked first.",
            parameters: [
                .query("status", "string", "Only these: pending, decided or expired."),
                .query("after", "string", "The key that the last page ended with."),
                .query("limit", "integer", "The most approvals of the page, 1 to 100; 100 by default."),
            ], responses: [(200, "ApprovalPage")]
        ) { api, call in
            let limit = try call.int("limit", in: 1...Approval.maximumPage, default: Approval.maximumPage)
            let approvals = try await api.store.approvals(
                in: call.session(), status: call.choice("status", default: nil), after: call.text("after"), limit: limit)
            return .json { writer in
                writer.object { writer in
                    writer.name("approvals")
                    writer.array { writer in
                        for approval in approvals { writer.approval(approval) }
                    }
                    writer.name("next")
                    writer.string(approvals.count == limit ? approvals.last?.key : nil)
                }
            }
        },
        .get(session + "/approvals/{key}", "getApproval", "One approval.", responses: [(200, "Approval")]) { api, call in
            let approval = try await api.store.approval(call.variables[3], in: call.session())
            return .json { $0.approval(approval) }
        },
        .write(
            .post, session + "/approvals/{key}/decision", "decideApproval",
            "Decide once. 409 with the approval after the first decision or the deadline; 403 for somebody who may not decide.",
            request: "ApprovalDecision", responses: [(200, "Approval")]
        ) { api, call in
            let approval = try await api.store.decide(call.variables[3], in: call.session(), ApprovalDecision(parsing: call.json()))
            return .json { $0.approval(approval) }
        },
    ]
}
