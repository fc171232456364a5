import Testing

@testable import BatonCore

@Suite("When a summary is due")
struct SummaryTriggerTests {
    typealias Progress = SummaryTrigger.Progress

    private func progress(_ events: Int = 1, tokens: Int = 0, idle: Int = 0, summary: Int = 0) -> Progress {
        Progress(events: events, tokens: tokens, idle: .seconds(idle), summaryTokens: summary)
    }

    @Test("bounds have to be exceeded, not only met")
    func strict() {
        #expect(!SummaryTrigger.events(3).fires(progress(3)) && SummaryTrigger.events(3).fires(progress(4)))
        #expect(!SummaryTrigger.tokens(10).fires(progress(tokens: 10)) && SummaryTrigger.tokens(10).fires(progress(tokens: 11)))
        #expect(!SummaryTrigger.idle(.seconds(5)).fires(progress(idle: 5)) && SummaryTrigger.idle(.seconds(5)).fires(progress(idle: 6)))
    }

    @Test("a window's share counts the last summary too, and is never below its least")
    func share() {
        let half = SummaryTrigger.context(share: 0.5, window: 10_000)
        #expect(!half.fires(progress(tokens: 5_000)) && half.fires(progress(tokens: 5_001)) && half.fires(progress(tokens: 4_500, summary: 501)))
        let small = SummaryTrigger.context(share: 0.5, window: 1_000)
        #expect(!small.fires(progress(tokens: 2_000)) && small.fires(progress(tokens: 2_001)))
    }

    @Test("any takes one, all takes each; without an event nothing is due")
    func combined() {
        let (events, tokens) = (SummaryTrigger.events(2), SummaryTrigger.tokens(10))
        #expect(SummaryTrigger.any([events, tokens]).fires(progress(3)) && SummaryTrigger.any([events, tokens]).fires(progress(1, tokens: 11)))
        #expect(!SummaryTrigger.any([events, tokens]).fires(progress(2, tokens: 10)))
        #expect(
            !SummaryTrigger.all([events, tokens]).fires(progress(3, tokens: 10))
                && SummaryTrigger.all([events, tokens]).fires(progress(3, tokens: 11)))
        #expect(SummaryTrigger.any([.all([events, tokens]), .idle(.seconds(1))]).fires(progress(1, idle: 2)))
        #expect(!SummaryTrigger.idle(.seconds(1)).fires(progress(0, idle: 100)))
        #expect(!SummaryTrigger.all([]).fires(progress(9)))
    }

    @Test("which bounds are exceeded is known")
    func exceeded() {
        let trigger = SummaryTrigger.all([.events(3), .any([.tokens(100), .idle(.seconds(60))])])
        #expect(trigger.exceeded(by: progress(4, tokens: 100)) == [.events(3)])
        #expect(trigger.exceeded(by: progress(4, tokens: 101)) == [.events(3), .tokens(100)])
    }

    @Test("more of anything never turns a yes into a no", arguments: 0..<20)
    func monotonous(seed: Int) {
        var random = SystemRandomNumberGenerator()
        func trigger(_ depth: Int) -> SummaryTrigger {
            switch Int.random(in: 0..<(depth > 2 ? 4 : 6), using: &random) {
            case 0: .events(Int.random(in: 1...9, using: &random))
            case 1: .tokens(Int.random(in: 1...9, using: &random))
            case 2: .idle(.seconds(Int.random(in: 1...9, using: &random)))
            case 3: .context(share: 0.5, window: Int.random(in: 1...9_000, using: &random))
            case 4: .any([trigger(depth + 1), trigger(depth + 1)])
            default: .all([trigger(depth + 1), trigger(depth + 1)])
            }
        }
        let subject = trigger(0)
        for _ in 0..<200 {
            let less = progress(
                Int.random(in: 0...9), tokens: Int.random(in: 0...9), idle: Int.random(in: 0...9), summary: Int.random(in: 0...5_000))
            let more = Progress(
                events: less.events + Int.random(in: 0...3), tokens: less.tokens + Int.random(in: 0...3),
                idle: less.idle + .seconds(Int.random(in: 0...3)), summaryTokens: less.summaryTokens + Int.random(in: 0...3))
            #expect(!subject.fires(less) || subject.fires(more))
        }
    }

    @Test(
        "bounds that make no sense are refused",
        arguments: [
            SummaryTrigger.events(0), .tokens(-1), .idle(.zero), .context(share: 0, window: 10), .context(share: 1.5, window: 10),
            .context(share: 0.5, window: 0), .any([]), .all([.any([.events(0)])]),
        ])
    func refused(trigger: SummaryTrigger) {
        #expect(throws: StoreError.self) { _ = try trigger.checked() }
    }

    // MARK: - What one process knows

    private func place(_ seq: Int, at seconds: Int = 0) -> Offset { Offset(milliseconds: 1_000_000 + 1000 * seconds, seq: seq) }
    private let soon = Timestamp(milliseconds: 1_000_000)

    @Test("appends that follow each other are counted exactly; what others append leaves a hole, and the store has to be asked")
    func watermark() {
        var mark = SummaryWatermark(at: place(10), progress(2, tokens: 5))
        #expect(!mark.mayFire(.events(4), at: soon))
        mark.append(from: place(11), through: place(12), events: 2, tokens: 7)
        #expect(mark.progress == progress(4, tokens: 12) && !mark.hasHole)
        #expect(!mark.mayFire(.events(4), at: soon) && mark.mayFire(.events(3), at: soon) && mark.mayFire(.tokens(11), at: soon))
        // The same again, as after a lost answer.
        mark.append(from: place(11), through: place(12), events: 2, tokens: 7)
        #expect(mark.progress.events == 4)
        mark.append(from: place(14), through: place(14), events: 1, tokens: 1)
        #expect(mark.hasHole && mark.progress.events == 6 && mark.mayFire(.events(1_000), at: soon))
    }

    @Test("the longest pause counts, also that before the events that end it")
    func pauses() {
        var mark = SummaryWatermark(at: place(1), progress(1))
        mark.append(from: place(2, at: 30), through: place(2, at: 30), events: 1, tokens: 1)
        mark.append(from: place(3, at: 31), through: place(3, at: 31), events: 1, tokens: 1)
        #expect(mark.progress.idle == .seconds(30))
        #expect(mark.mayFire(.idle(.seconds(29)), at: soon) && !mark.mayFire(.idle(.seconds(30)), at: soon))
        #expect(mark.mayFire(.idle(.seconds(30)), at: soon.adding(seconds: 62)))
        // The first events of all end no pause.
        var first = SummaryWatermark(at: place(1), progress(0))
        first.append(from: place(2, at: 30), through: place(2, at: 30), events: 1, tokens: 1)
        #expect(first.progress.idle == .zero)
    }
}
