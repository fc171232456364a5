import BatonTesting
import Testing

@testable import BatonCore

@Suite("Counting tokens")
struct TokenCounterTests {
    private struct Words: TokenCounter {
        func tokens(in text: String) -> Int { text.split(separator: " ").count }
    }

    private func event(_ content: String, metadata: String? = nil) throws -> Event {
        let draft = try EventDraft(NewEvent(JSON(parsing: content), metadata: metadata.map { try JSON(parsing: $0) }))
        return Event(id: "1", seq: 1, time: Timestamp(milliseconds: 1), body: draft.body)
    }

    @Test func anEstimateFollowsTheSizeOfTheText() {
        let estimate = TokenEstimate()
        #expect(estimate.tokens(in: "") == 0)
        #expect(estimate.tokens(in: "word") == 1)
        #expect(estimate.tokens(in: "words") == 2)
        #expect(estimate.tokens(in: String(repeating: "a", count: 4000)) == 1000)
        #expect(estimate.tokens(in: "日本語") == 3)
        #expect(estimate.tokens(in: "Привет") == 3)
        #expect(TokenEstimate(charactersPerToken: 2).tokens(in: "abcd") == 2)
        #expect(TokenEstimate(charactersPerToken: 0).tokens(in: "abcd") == 4)
    }

    @Test("an estimate depends on the letters and not on where they stand", arguments: 0..<20 as Range<UInt64>)
    func anyText(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let letters: [Unicode.Scalar] = ["a", " ", "\n", "z", "é", "я", "日", "😀"]
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...60, using: &random) {
            // Runs, so that whole stretches are ASCII.
            let letter = letters.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...12, using: &random) { text.append(letter) }
        }
        func count(_ range: Range<UInt32>) -> Double { Double(text.filter { range.contains($0.value) }.count) }
        let expected = count(0..<0x80) / 4 + count(0x80..<0x800) / 2 + count(0x800..<0x110000)
        #expect(TokenEstimate().tokens(in: String(text)) == Int(expected.rounded(.up)))
    }

    @Test func anImageIsSeenWhereverItStands() throws {
        let cost = EventCost(TokenEstimate(), imageTokens: 1000)
        for padding in 0..<20 {
            let words = String(repeating: "g", count: padding)
            #expect(cost.tokens(of: try event(#"{"x":"\#(words)","type":"image"}"#)) >= 1000)
            #expect(cost.tokens(of: try event(#"{"type":"image","x":"\#(words)"}"#)) >= 1000)
            #expect(cost.tokens(of: try event(#"{"type":"imag","x":"\#(words)"}"#)) < 100)
        }
    }

    @Test func theLongestRegisteredPrefixOfAModelsNameCounts() {
        var counters = TokenCounters(TokenEstimate(charactersPerToken: 1))
        counters.register(TokenEstimate(charactersPerToken: 2), for: "gpt")
        counters.register(Words(), for: "gpt-9")
        func count(_ model: String?) -> Int { counters.counter(for: model).tokens(in: "four") }
        #expect(count(nil) == 4 && count("other") == 4)
        #expect(count("gpt-4") == 2 && count("gpt-9-mini") == 1 && count("openai/gpt-9") == 1)
        counters.register(TokenEstimate(), for: "gpt")
        #expect(count("gpt-4") == 1)
        let standard = TokenCounters.standard
        #expect(standard.counter(for: "claude-4").tokens(in: String(repeating: "a", count: 70)) == 20)
        #expect(standard.counter(for: "any").tokens(in: String(repeating: "a", count: 80)) == 20)
    }

    @Test func anEventCostsItsContentAndItsFrame() throws {
        let cost = EventCost(Words(), imageTokens: 1000)
        #expect(cost.tokens(of: try event(#""one two\nthree""#)) == 2 + 4)
        #expect(cost.tokens(of: try event(#"{"text": "one two"}"#)) == 3 + 4)
    }

    @Test func whatItsAuthorCountedIsTakenForTrue() throws {
        let cost = EventCost(Words(), imageTokens: 1000)
        #expect(cost.tokens(of: try event(#""one""#, metadata: #"{"tokenCount":77}"#)) == 77)
        #expect(cost.tokens(of: try event(#""one""#, metadata: #"{"tokenCount":-1}"#)) == 5)
        #expect(cost.tokens(of: try event(#""one""#, metadata: #"{"tokenCount":"many"}"#)) == 5)
        #expect(cost.tokens(of: try event(#"{"tokenCount":9}"#)) == 5)
    }

    @Test(
        "an image costs what it is taken for, whatever its bytes",
        arguments: [
            #"[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}]"#,
            #"{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"DATA"}}]}"#,
            #"{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,DATA"}]}"#,
            #"{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"DATA"}}]}"#,
        ])
    func images(_ content: String) throws {
        let large = content.split(separator: "DATA", omittingEmptySubsequences: false).joined(separator: String(repeating: "A", count: 100_000))
        let (one, two) = (try event(String(large)), try event("[\(large),\(large)]"))
        #expect((1000..<1060).contains(EventCost(TokenEstimate(), imageTokens: 1000).tokens(of: one)))
        #expect((2000..<2100).contains(EventCost(TokenEstimate(), imageTokens: 1000).tokens(of: two)))
        #expect(EventCost(TokenEstimate(), imageTokens: 0).tokens(of: one) < 60)
        // A word is no image.
        #expect(EventCost(TokenEstimate(), imageTokens: 1000).tokens(of: try event(#"{"text":"an image of type image_url"}"#)) < 20)
    }
}
