// How a context is written as JSON. Field names are part of the outer contract.

extension JSONWriter {
    /// What a model is shown, and what was left out.
    package mutating func context(_ context: SessionContext) {
        object { writer in
            writer.name("events")
            writer.events(context.events)
            writer.name("summary")
            if let summary = context.summary { writer.summary(summary) } else { writer.null() }
            writer.name("tokens")
            writer.int(context.tokens)
            writer.name("budget")
            if let budget = context.budget { writer.int(budget) } else { writer.null() }
            writer.name("dropped")
            writer.dropped(context.dropped)
            writer.name("applied")
            writer.string(context.applied?.rawValue)
            writer.name("read")
            writer.object { writer in
                writer.name("events")
                writer.int(context.readEvents)
                writer.name("bytes")
                writer.int(context.readBytes)
                writer.name("whole")
                writer.bool(context.isWhole)
            }
            writer.name("tail")
            writer.string(context.tail.description)
        }
    }

    private mutating func dropped(_ dropped: [SessionContext.Reason: SessionContext.Dropped]) {
        object { writer in
            writer.name("events")
            writer.int(dropped.values.reduce(0) { $0 + $1.events })
            writer.name("tokens")
            writer.int(dropped.values.reduce(0) { $0 + $1.tokens })
            writer.name("reasons")
            writer.object { writer in
                for reason in SessionContext.Reason.allCases {
                    guard let left = dropped[reason] else { continue }
                    writer.name(reason.rawValue)
                    writer.object { writer in
                        writer.name("events")
                        writer.int(left.events)
                        writer.name("tokens")
                        writer.int(left.tokens)
                    }
                }
            }
        }
    }
}
