import Foundation
import Testing

@testable import BatonHTTP

/// SplitMix64: small, seeded, the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct RequestFuzzTests {
    /// Pipelines of known cases, mutated, fed whole and in random splits: the answers and the requests must be the same.
    ///
    /// Three seconds by default; `BATON_FUZZ_SECONDS` and `BATON_FUZZ_SEED` change that.
    @Test func splittingNeverChangesTheAnswer() async throws {
        let environment = ProcessInfo.processInfo.environment
        let seconds = environment["BATON_FUZZ_SECONDS"].flatMap(Double.init) ?? 3
        let seed = environment["BATON_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
        let seeds = RequestCase.all.map(\.bytes).filter { $0.count < 400 }
        var random = SeededGenerator(state: seed)
        let end = ContinuousClock.now + .seconds(seconds)
        var inputs = 0
        while ContinuousClock.now < end {
            await Task.yield()
            for _ in 0..<50 {
                let input = pipeline(of: seeds, &random)
                let whole = ParserTrace.whole(input)
                var split = ParserTrace()
                var start = 0
                while start < input.count {
                    let length = Int.random(in: 1...(Bool.random(using: &random) ? 3 : 60), using: &random)
                    let next = min(input.count, start + length)
                    split.feed(input[start..<next])
                    start = next
                }
                inputs += 1
                guard whole.answers == split.answers, whole.requests.map(\.body) == split.requests.map(\.body),
                    whole.requests.map(\.path) == split.requests.map(\.path), whole.requests.map(\.headers) == split.requests.map(\.headers)
                else {
                    Issue.record(
                        "seed \(seed), input \(inputs): \(whole.answers) whole, \(split.answers) split: \(String(decoding: input, as: UTF8.self).debugDescription)"
                    )
                    return
                }
            }
        }
        #expect(inputs > 0)
    }

    private func pipeline(of seeds: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
        var input: [UInt8] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) { input += seeds.randomElement(using: &random) ?? [] }
        let interesting: [UInt8] = Array("\r\n\t :;,/?%\0\u{7f}0123456789abcdefxX-+".utf8) + [0x80, 0xff]
        for _ in 0..<Int.random(in: 0...4, using: &random) where !input.isEmpty {
            let index = Int.random(in: 0..<input.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: input[index] = interesting.randomElement(using: &random) ?? 0
            case 1: input.insert(interesting.randomElement(using: &random) ?? 0, at: index)
            case 2: input.remove(at: index)
            case 3: input.replaceSubrange(index..<min(input.count, index + 8), with: input[index...].prefix(8) + input[index...].prefix(8))
            default: input[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        return input
    }
}
