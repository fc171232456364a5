internal import BatonCore
internal import BatonHTTP

extension Route {
    static let context: [Route] = [
        .get(
            session + "/context", "getContext",
            "What a model is shown of the session: the newest events inside a budget of tokens, tool rounds whole, system messages first; and what was left out. "
                + "422 budget_exceeded when what has to be shown does not fit.",
            parameters: [
                .query("maxTokens", "integer", "The most tokens of the context and of the answer; no limit when absent."),
                .query("reserve", "integer", "How many of them are kept free for the answer; 0 by default."),
                .query(
                    "strategy", "string",
                    "truncate (default): the newest that fit; sliding: a window of the newest, 50 unless maxEvents says how many; summarize: the newest summary and what "
                        + "came after what it covers; hybrid: the summary and the window, at least what it does not cover. Without a summary as truncate and sliding."
                ),
                .query("filter", "string", "Only events of this branch, those above and below it, and its summary."),
                .query("overflow", "string", "Over the budget: compress (default) as the strategy says, truncate, or error."),
                .query("minEvents", "integer", "At least this many of the newest events have to fit; 1 by default."),
                .query("maxEvents", "integer", "At most this many events, system messages aside, 1 to 10000."),
                .query(
                    "system", "string", "System messages that are always kept: leading (default) those that the history begins with, all, or none."),
                .query("userFirst", "boolean", "Whether the conversation has to begin with a user's event; true by default."),
                .query("model", "string", "The model that it is for, to count its tokens."),
                .query("imageTokens", "integer", "What an image is taken for, in tokens; 1000 by default."),
            ], responses: [(200, "Context")]
        ) { api, call in
            var request = ContextRequest()
            let tokens = 1...1 << 40
            if try call.text("maxTokens") != nil { request.maximumTokens = try call.int("maxTokens", in: tokens, default: 1) }
            request.reserve = try call.int("reserve", in: 0...tokens.upperBound, default: 0)
            request.strategy = try call.choice("strategy", default: .truncate)!
            request.overflow = try call.choice("overflow", default: .compress)!
            request.minimumEvents = try call.int("minEvents", in: 1...ContextRequest.mostEvents, default: 1)
            if try call.text("maxEvents") != nil { request.maximumEvents = try call.int("maxEvents", in: 1...ContextRequest.mostEvents, default: 1) }
            request.systemMessages = try call.choice("system", default: .leading)!
            if try call.text("userFirst") != nil { request.beginsWithUser = try call.bool("userFirst") }
            request.filter = try call.text("filter").map { $0 == SummaryScope.wholeName ? "" : $0 } ?? ""
            request.model = try call.text("model")
            request.imageTokens = try call.int("imageTokens", in: 0...1_000_000, default: request.imageTokens)
            let context = try await api.store.context(of: call.session(), request)
            return .json(reserving: 512 + context.events.reduce(0) { $0 + $1.body.bytes.count + 160 }) { $0.context(context) }
        }
    ]
}
