internal import BatonTelemetry

/// A line on standard error that shows how far long work is; nothing where that is no terminal.
struct Progress: ~Copyable {
    private let console: Console
    private let label: String
    private let total: Int?
    private let isShown: Bool
    private let start: ContinuousClock.Instant
    private var done = 0
    private var drawnAt: ContinuousClock.Instant?

    /// - Parameter total: how much there is to do, if it is known.
    init(_ label: String, of total: Int? = nil, on console: Console) {
        self.init(label, of: total, on: console, isShown: Terminal.isTerminal(console.error), start: .now)
    }

    init(_ label: String, of total: Int?, on console: Console, isShown: Bool, start: ContinuousClock.Instant) {
        self.label = label
        self.total = total
        self.console = console
        self.isShown = isShown
        self.start = start
    }

    /// Counts work that was done. Draws ten times a second at most, and not in the first half second: short work needs no progress.
    mutating func advance(by amount: Int = 1, now: ContinuousClock.Instant = .now) {
        done += amount
        guard isShown, now - start > .milliseconds(500), drawnAt.map({ now - $0 >= .milliseconds(100) }) ?? true else { return }
        drawnAt = now
        console.draw("\r\u{1B}[K" + line(now: now))
    }

    /// What is drawn: done, of how much, how fast.
    func line(now: ContinuousClock.Instant) -> String {
        let (seconds, attoseconds) = (now - start).components
        let elapsed = Double(seconds) + Double(attoseconds) * 1e-18
        var text = "\(label): \(done)"
        if let total, total > 0 { text += " of \(total) (\(done.multipliedReportingOverflow(by: 100).partialValue / total)%)" }
        if elapsed > 0 { text += ", \(Int(Double(done) / elapsed)) a second" }
        return text
    }

    /// Removes the line.
    consuming func finish() {
        if drawnAt != nil { console.draw("\r\u{1B}[K") }
    }
}
