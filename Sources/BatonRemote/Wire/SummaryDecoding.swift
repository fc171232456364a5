internal import BatonCore

extension SummaryList {
    init(decoding value: JSON) throws(StoreError) {
        guard let elements = value["summaries"]?.elements, let tail = value.offset("tail"), let floor = value.offset("earliest"),
            let tokens = value["tokens"]?.intValue, let generation = value["generation"]?.stringValue
        else { throw WireError.incompatible("a list of summaries without all its fields") }
        var summaries: [Summary] = []
        for element in elements { summaries.append(try Summary(decoding: element)) }
        self.init(summaries: summaries, tail: tail, floor: floor, tokens: tokens, generation: generation)
    }
}

extension Summary {
    init(decoding value: JSON) throws(StoreError) {
        guard let filter = value["filter"]?.stringValue, let text = value["text"]?.stringValue, let boundary = value.offset("through"),
            let createdAt = value.time("createdAt")
        else { throw WireError.incompatible("a summary without all its fields") }
        self.init(
            filter: filter, text: text, boundary: boundary, events: value["events"]?.intValue ?? 0, mark: value["mark"]?.intValue ?? 0,
            model: value["model"]?.stringValue, createdAt: createdAt)
    }
}

extension JSON {
    fileprivate func offset(_ name: String) -> Offset? { self[name]?.stringValue.flatMap { Offset($0) } }
}
