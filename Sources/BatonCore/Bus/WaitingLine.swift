/// Consumers of one group that wait in this process, the longest waiting first.
///
/// One of them asks the storage at a time, when there may be something: a hundred waiting consumers cost one question for each event and not
/// a hundred. A value without I/O: every method says whom to wake, ``WaitingLines`` does it.
struct WaitingLine {
    /// One that waits. No number is given twice.
    typealias Ticket = Int

    /// What one that waits does next.
    enum Turn: Equatable {
        /// Ask the storage, then say what came of it.
        case ask
        /// Go on waiting until it is woken.
        case wait
        /// Give up: it has waited long enough, or was cancelled.
        case leave
        /// Give up: the store was closed.
        case closed
    }

    private var order: [Ticket] = []
    private var over: Set<Ticket> = []
    /// Who asks now. A hint that comes meanwhile makes it ask again: what it was told may be older than the hint.
    private(set) var asking: Ticket?
    private var isHinted = false
    private var isClosed = false

    var isEmpty: Bool { order.isEmpty }

    /// Stands in line, behind all others.
    mutating func join(_ ticket: Ticket) { order.append(ticket) }

    /// Something may be there. Whom to wake.
    mutating func hint() -> Ticket? {
        guard asking == nil, let first = order.first else {
            isHinted = true
            return nil
        }
        asking = first
        return first
    }

    /// What the ticket's holder does now.
    mutating func turn(of ticket: Ticket) -> Turn {
        if isClosed { return .closed }
        if over.contains(ticket) { return .leave }
        if asking == nil, isHinted {
            isHinted = false
            asking = ticket
        }
        return asking == ticket ? .ask : .wait
    }

    /// The holder has asked in vain, and stays in line.
    mutating func askedInVain(_ ticket: Ticket) {
        if asking == ticket { asking = nil }
    }

    /// The holder has waited long enough. Whether it was woken by it.
    mutating func expire(_ ticket: Ticket) -> Ticket? {
        guard order.contains(ticket) else { return nil }
        over.insert(ticket)
        return ticket
    }

    /// The holder leaves, with or without something. Whom to wake: there may be more, or what it was about to ask is still unasked.
    mutating func leave(_ ticket: Ticket, mayBeMore: Bool) -> Ticket? {
        order.removeAll { $0 == ticket }
        over.remove(ticket)
        let wasAsking = asking == ticket
        if wasAsking { asking = nil }
        return wasAsking || mayBeMore ? hint() : nil
    }

    /// The store was closed. Whom to wake.
    mutating func close() -> [Ticket] {
        isClosed = true
        return order
    }
}
