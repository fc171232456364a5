internal import BatonCore

/// What it costs to count the tokens of events while they are appended: `BatonBenchmarks tokens`.
///
/// Nanoseconds for making the draft of one event and, of that, for counting; the best of some rounds.
enum TokenBenchmark {
    static func run(_ arguments: [String]) async throws {
        let text = "The quick brown fox, in an image of itself, jumps over the lazy dog. "
        func words(_ bytes: Int) -> String { String(String(repeating: text, count: bytes / text.utf8.count + 1).prefix(bytes)) }
        func parts(_ bytes: Int) throws -> JSON {
            try JSON(Array(#"{"role":"user","parts":[{"type":"text","text":"\#(words(bytes))"}]}"#.utf8))
        }
        let contents: [(name: String, content: JSON)] = [
            ("text of 440 bytes", JSON(string: words(440))), ("text of 4 KB", JSON(string: words(4 << 10))),
            ("text of 64 KB", JSON(string: words(64 << 10))), ("parts of 440 bytes", try parts(440)), ("parts of 64 KB", try parts(64 << 10)),
        ]
        for (name, content) in contents {
            let event = NewEvent(content, role: "user")
            let count = max(100, (16 << 20) / content.bytes.count / 10)
            let draft = try best(count) { try EventDraft(event).tokens }
            let counting = best(count) { EventCost.standard.tokens(in: content, metadata: nil) }
            print("\(name): draft \(Int(draft)) ns, of that counting \(Int(counting)) ns")
        }
    }

    private static func best(_ count: Int, _ work: () throws -> Int) rethrows -> Double {
        var best = Double.infinity
        var sum = 0
        for _ in 0..<10 {
            let start = ContinuousClock.now
            for _ in 0..<count { sum &+= try work() }
            best = min(best, (ContinuousClock.now - start) / .nanoseconds(1) / Double(count))
        }
        return sum == 0 ? .infinity : best
    }
}
