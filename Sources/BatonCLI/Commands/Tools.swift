internal import BatonCore

extension Command {
    static let tools = Command(
        name: "tools", summary: "Look at the tool calls of a session, and say how lost ones ended",
        discussion: """
            A worker reserves a call before it runs a tool and says how it ended. One whose worker was lost in between is ambiguous: whether its \
            effect happened is not known, and nobody runs it again until somebody says so.
            """,
        commands: [.listToolCalls, .showToolCall, .resolveToolCall])

    private static let listToolCalls = Command(
        name: "list", summary: "List tool calls, first reserved first",
        examples: [
            Example(line: "baton tools list demo/ann/first --status ambiguous", meaning: "Those that somebody has to look after"),
            Example(line: "baton tools list demo/ann/first --json | jq .result", meaning: "What they gave"),
        ],
        options: [toolStatus.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        return try await invocation.withStore { store in
            var query = ToolCallQuery(status: invocation[toolStatus], limit: 500)
            var table = Table(["KEY", "TOOL", "STATUS", "ATTEMPT", "HOLDER", "CHANGED"].map { Table.Column(title: $0) })
            var count = 0
            repeat {
                let page = try await store.toolCalls(in: key, query)
                for call in page.calls {
                    count += 1
                    switch console.format {
                    case .ndjson: try console.write(call)
                    case .table:
                        table.add([
                            call.key, call.name, call.status.rawValue, String(call.attempt), call.holder ?? "", call.updatedAt.description,
                        ])
                    }
                }
                query.after = page.next
            } while query.after != nil
            guard console.format == .table else { return .success }
            if count == 0 {
                console.say("No tool calls.")
            } else {
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let showToolCall = Command(
        name: "show", summary: "Print one tool call with its arguments and its result, as JSON",
        examples: [Example(line: "baton tools show demo/ann/first charge-17", meaning: "What is known of it")],
        options: OwnerOptions.declarations, arguments: [SessionName.argument, Argument(name: "KEY", help: "the call's key")]
    ) { invocation in
        let key = try invocation.session()
        return try await invocation.withStore { store in
            try invocation.console.write(try await store.toolCall(invocation[argument: "KEY"] ?? "", in: key))
            return .success
        }
    }

    private static let resolveToolCall = Command(
        name: "resolve", summary: "Say how an ambiguous call ended",
        discussion: "Completed calls give their result to whoever asks again; failed ones are run again by the next worker that reserves them.",
        examples: [
            Example(line: "baton tools resolve demo/ann/first charge-17 completed '{\"paid\": true}'", meaning: "It happened, and gave this"),
            Example(line: "baton tools resolve demo/ann/first charge-17 failed", meaning: "It did not happen; the next worker may run it"),
        ],
        options: OwnerOptions.declarations,
        arguments: [
            SessionName.argument, Argument(name: "KEY", help: "the call's key"), Argument(name: "OUTCOME", help: "completed or failed"),
            Argument(name: "JSON", help: "the result, or why it failed; null without", count: .optional),
        ]
    ) { invocation in
        let key = try invocation.session()
        let given = invocation[argument: "JSON"] ?? "null"
        let value = (try? JSON(parsing: given)) ?? JSON(string: given)
        let outcome: ToolOutcome
        switch invocation[argument: "OUTCOME"] {
        case "completed": outcome = .completed(value)
        case "failed": outcome = .failed(value)
        default: throw UsageError(message: "OUTCOME has to be completed or failed", command: invocation.path.text)
        }
        return try await invocation.withStore { store in
            try invocation.console.write(try await store.finish(invocation[argument: "KEY"] ?? "", in: key, outcome))
            return .success
        }
    }

    private static let toolStatus = Option<ToolCall.Status?>(
        "status", "STATUS", help: "Only calls that are this far", traits: OptionTraits(settable: .flagOnly))
}

extension ToolCall.Status: ArgumentValue {}

extension Console {
    /// A tool call as one JSON object.
    fileprivate func write(_ call: ToolCall) throws {
        var writer = JSONWriter()
        writer.toolCall(call)
        try write(json: writer.bytes)
    }
}
