internal import BatonCore
internal import BatonHTTP

extension Route {
    private static let summary = session + "/summaries/{filter}"

    static let summaries: [Route] = [
        .get(
            session + "/summaries", "listSummaries", "The summaries of a session, by filter, that of the whole session first.",
            responses: [(200, "SummaryList")]
        ) { api, call in
            let list = try await api.store.summaries(of: call.session())
            return .json(reserving: 512 + list.summaries.reduce(0) { $0 + $1.text.utf8.count + 256 }) { $0.summaryList(list) }
        },
        .write(
            .post, session + "/summaries", "requestSummary",
            "Ask for a summary to be made: 202 when it waits for a worker; with wait: true 200 when it is made, or 204 when there is nothing to summarise. "
                + "A daemon without a summarizer answers 200 with made: false, and nothing happens.",
            request: "SummaryWish", responses: [(202, "SummaryPromise"), (200, "SummaryPromise"), (204, nil)]
        ) { api, call in
            let wish = try SummaryWish(parsing: call.json())
            guard api.store.makesSummaries else {
                _ = try await api.store.summaries(of: call.session())
                return .promise(200, queued: false, nil)
            }
            guard wish.wait else {
                try await api.store.requestSummary(of: call.session(), filter: wish.filter, isForced: wish.force)
                return .promise(202, queued: true, nil)
            }
            guard let summary = try await api.store.summarize(call.session(), filter: wish.filter, isForced: wish.force) else { return .noContent }
            return .promise(200, queued: false, summary)
        },
        .get(summary, "getSummary", "One summary; * is the filter of the whole session.", responses: [(200, "Summary")]) { api, call in
            guard let summary = try await api.store.summary(of: call.session(), filter: call.summaryFilter()) else { throw StoreError.noSummary }
            return .json(reserving: 256 + summary.text.utf8.count) { $0.summary(summary) }
        },
        .write(
            .put, summary, "putSummary",
            "Store a summary that the client made. With a claim it is stored only if that is the last one; without, it takes the claim from whoever has it. 409 conflict "
                + "when the stored one reaches further.",
            request: "NewSummary", responses: [(200, "Summary")]
        ) { api, call in
            let writing = try SummaryWriting(parsing: call.json())
            let (key, filter) = (try call.session(), try call.summaryFilter())
            let stored: Summary
            if let claim = writing.claim {
                guard case .offset(let boundary) = writing.through else {
                    throw StoreError(.invalidField, "through: under a claim it is the offset of an event, not a seq")
                }
                let draft = SummaryDraft(
                    filter: filter, text: writing.text, boundary: boundary, events: writing.events, mark: writing.mark, model: writing.model)
                stored = try await api.store.put(draft, of: key, claim: claim)
            } else {
                stored = try await api.store.setSummary(writing.text, of: key, filter: filter, through: writing.through, model: writing.model)
            }
            return .json(reserving: 256 + stored.text.utf8.count) { $0.summary(stored) }
        },
        .write(
            .post, summary + "/claim", "claimSummary",
            "Claim a summary, to make it alone: 409 busy while somebody else does. Whatever changes events that a summary may cover voids the claim.",
            request: "SummaryClaim", responses: [(200, "SummaryClaimed")]
        ) { api, call in
            let claim = try SummaryClaim(parsing: call.json(), filter: call.summaryFilter())
            let epoch = try await api.store.claim(claim, of: call.session())
            return .json { writer in
                writer.object { writer in
                    writer.name("claim")
                    writer.int(epoch)
                }
            }
        },
        .write(
            .delete, summary + "/claim", "releaseSummary", "End a claim without a summary; one that is over is fine.",
            parameters: [.query("claim", "integer", "The claim.")], responses: [(204, nil)]
        ) { api, call in
            let claim = try call.int("claim", in: 0...Int.max, default: 0)
            try await api.store.release(claim, ofSummary: call.summaryFilter(), of: call.session())
            return .noContent
        },
    ]
}

extension Call {
    /// The filter of the address.
    fileprivate func summaryFilter() throws -> String {
        let name = variables[3]
        return name == SummaryScope.wholeName ? "" : try SummaryScope(checking: name).filter
    }
}

extension Response {
    fileprivate static func promise(_ status: Status, queued: Bool, _ summary: Summary?) -> Response {
        .json(status) { writer in
            writer.object { writer in
                writer.name("queued")
                writer.bool(queued)
                writer.name("made")
                writer.bool(summary != nil)
                writer.name("summary")
                if let summary { writer.summary(summary) } else { writer.null() }
            }
        }
    }
}
