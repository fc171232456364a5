import Testing

@testable import BatonCore

@Suite("Which summary is made next")
struct SummaryQueueTests {
    private func key(_ id: String) -> SessionKey { SessionKey(owner: UserKey(checkedApp: "a", user: "u"), checkedID: id) }

    @Test("sessions come in the order of asking, each once, with all that was asked of it")
    func order() {
        var queue = SummaryQueue(workers: 10, limit: 10)
        #expect(queue.add("f", of: key("1"), isForced: false) == .queued)
        #expect(queue.add("", of: key("2"), isForced: false) == .queued)
        #expect(queue.add("", of: key("1"), isForced: false) == .merged)
        #expect(queue.add("f", of: key("1"), isForced: true) == .merged)
        #expect(queue.add("f", of: key("1"), isForced: false) == .merged)
        #expect(queue.count == 2)
        #expect(queue.next() == SummaryQueue.Job(key: key("1"), filters: [("f", true), ("", false)]))
        #expect(queue.next()?.key == key("2"))
        #expect(queue.next() == nil)
    }

    @Test("a session's summaries are made one after the other, and others pass while it is busy")
    func oneAtATime() {
        var queue = SummaryQueue(workers: 10, limit: 10)
        _ = queue.add("", of: key("1"), isForced: false)
        #expect(queue.next()?.key == key("1"))
        #expect(queue.add("", of: key("1"), isForced: false) == .queued)
        _ = queue.add("", of: key("2"), isForced: false)
        #expect(queue.next()?.key == key("2") && queue.next() == nil)
        queue.finished(key("1"))
        #expect(queue.next()?.key == key("1"))
    }

    @Test("no more run than there are workers, no more wait than there is room, and what waits still takes more of its session")
    func bounds() {
        var queue = SummaryQueue(workers: 2, limit: 2)
        for number in 1...2 { #expect(queue.add("", of: key("\(number)"), isForced: false) == .queued) }
        #expect(queue.add("", of: key("3"), isForced: true) == .full)
        #expect(queue.add("f", of: key("2"), isForced: false) == .merged)
        _ = queue.next()
        _ = queue.next()
        for number in 3...4 { #expect(queue.add("", of: key("\(number)"), isForced: false) == .queued) }
        #expect(queue.next() == nil && queue.running.count == 2)
        queue.finished(key("1"))
        #expect(queue.next()?.key == key("3"))
    }

    @Test("a closed queue takes nothing and gives nothing")
    func closed() {
        var queue = SummaryQueue(workers: 1, limit: 5)
        _ = queue.add("", of: key("1"), isForced: false)
        #expect(queue.close() == 1)
        #expect(queue.add("", of: key("2"), isForced: false) == .closed && queue.next() == nil && queue.isClosed)
    }

    @Test("what is touched again waits anew, what is not comes due in order, and there is an end to what is remembered")
    func idle() {
        let start = ContinuousClock.now
        var line = IdleLine<Int>(waiting: .seconds(10), limit: 3)
        line.touch(1, at: start)
        line.touch(2, at: start + .seconds(1))
        line.touch(1, at: start + .seconds(5))
        #expect(line.due(at: start + .seconds(10)) == [])
        #expect(line.due(at: start + .seconds(11)) == [2])
        #expect(line.next == start + .seconds(15))
        #expect(line.due(at: start + .seconds(15)) == [1] && line.next == nil)
        for number in 1...5 { line.touch(number, at: start + .seconds(number)) }
        #expect(line.due(at: start + .seconds(100)) == [3, 4, 5])
        for _ in 0..<10_000 { line.touch(7, at: start) }
        #expect(line.due(at: start + .seconds(10)) == [7])
    }

    @Test("a branch is a path; what lies above and below it is part of it, and what has none")
    func scopes() throws {
        let scope = try SummaryScope(checking: "a/b")
        for branch in ["a/b", "a/b/c", "a", "a/b.c", nil, ""] { #expect(scope.contains(branch: branch), "\(branch ?? "none")") }
        for branch in ["a/c", "a/bc", "b", "A/b"] { #expect(!scope.contains(branch: branch), "\(branch)") }
        #expect(SummaryScope.whole.contains(branch: "anything"))
        #expect(throws: StoreError.self) { _ = try SummaryScope(checking: "*") }
        #expect(throws: StoreError.self) { _ = try SummaryScope(checking: String(repeating: "x", count: 257)) }
    }

    @Test("which summaries events of a branch may make due")
    func targets() {
        struct Silent: Summarizer { func summarize(_ input: SummaryInput) -> String { "" } }
        var configuration = SummaryConfiguration(Silent())
        #expect(configuration.filters(forEventIn: nil) == [""] && configuration.filters(forEventIn: "a") == ["a", ""])
        configuration.branches = .only(["a/b"])
        #expect(configuration.filters(forEventIn: "a") == ["a", ""] && configuration.filters(forEventIn: "a/b/c") == ["a/b/c", ""])
        #expect(configuration.filters(forEventIn: "c") == [""] && configuration.filters(forEventIn: "*") == [""])
        configuration.branches = .only([])
        #expect(configuration.filters(forEventIn: "a") == [""])
        (configuration.branches, configuration.cascades) = (.all, false)
        #expect(configuration.filters(forEventIn: "a") == ["a"] && configuration.filters(forEventIn: nil) == [""])
    }
}
