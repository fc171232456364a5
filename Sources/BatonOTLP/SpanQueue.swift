internal import BatonTelemetry

/// The spans that wait to be sent: so many at most, taken in batches.
struct SpanQueue {
    /// What became of a span that was offered.
    enum Offer: Equatable {
        /// It waits.
        case kept
        /// It waits, and there are as many as one request takes.
        case full
        /// There is no room.
        case dropped
        /// Nothing is taken any more.
        case closed
    }

    private let maximum: Int
    private let maximumBatch: Int
    private var spans: [SpanRecord] = []
    private var isClosed = false

    init(maximum: Int, maximumBatch: Int) {
        self.maximum = max(1, maximum)
        self.maximumBatch = max(1, min(maximumBatch, maximum))
    }

    var count: Int { spans.count }

    mutating func offer(_ span: SpanRecord) -> Offer {
        if isClosed { return .closed }
        guard spans.count < maximum else { return .dropped }
        spans.append(span)
        return spans.count == maximumBatch ? .full : .kept
    }

    /// The oldest spans, as many as one request takes.
    mutating func take() -> [SpanRecord] {
        guard spans.count > maximumBatch else {
            defer { spans = [] }
            return spans
        }
        let batch = Array(spans[..<maximumBatch])
        spans.removeFirst(maximumBatch)
        return batch
    }

    mutating func close() { isClosed = true }
}
