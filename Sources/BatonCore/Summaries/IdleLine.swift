/// What is to be looked at when nothing has happened to it for a while: each entry waits equally long, so that the line is in the order of the deadlines. No I/O.
struct IdleLine<Entry: Hashable> {
    private let wait: Duration
    /// The most entries; beyond, the oldest are forgotten.
    private let limit: Int
    private var deadlines: [Entry: ContinuousClock.Instant] = [:]
    private var line: [(entry: Entry, deadline: ContinuousClock.Instant)] = []
    private var head = 0

    init(waiting wait: Duration, limit: Int = 10_000) {
        self.wait = wait
        self.limit = limit
    }

    /// Something happened to it: it waits anew.
    mutating func touch(_ entry: Entry, at now: ContinuousClock.Instant) {
        deadlines[entry] = now + wait
        line.append((entry, now + wait))
        while deadlines.count > limit, head < line.count {
            if deadlines[line[head].entry] == line[head].deadline { deadlines[line[head].entry] = nil }
            head += 1
        }
        // Entries that were touched again leave their earlier places behind.
        if line.count - head > 2 * deadlines.count + 64 || head > 1024 { compact() }
    }

    /// What has waited long enough.
    mutating func due(at now: ContinuousClock.Instant) -> [Entry] {
        var due: [Entry] = []
        while head < line.count, line[head].deadline <= now {
            if deadlines[line[head].entry] == line[head].deadline {
                due.append(line[head].entry)
                deadlines[line[head].entry] = nil
            }
            head += 1
        }
        compact()
        return due
    }

    /// When the next may be due.
    var next: ContinuousClock.Instant? { head < line.count ? line[head].deadline : nil }

    private mutating func compact() {
        line = line[head...].filter { deadlines[$0.entry] == $0.deadline }
        head = 0
    }
}
