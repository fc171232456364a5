import Baton
import BatonCore
import BatonSQLite
import BatonTesting
import CBatonSQLite
import Synchronization

/// A consumer of a group. Every event takes effect in a database that all consumers share, in one transaction with the note that it did.
struct Consumer {
    let group: GroupHandle
    let name: String
    let history: HistoryFile
    let effects: EffectFile
    let lease: Int
    var random: SplitMix64

    private struct Poisoned: Error {}

    // MARK: - By hand

    /// Takes some, works through them, says what came of them: mostly in time, sometimes too late.
    consuming func receive() async {
        var consumer = self
        while true {
            let asked = now()
            do throws(StoreError) {
                let most = Int.random(in: 1...8, using: &consumer.random)
                let received = try await consumer.group.receive(max: most, wait: .seconds(1), as: consumer.name)
                let answered = now()
                consumer.history.say(received.deliveries.map { consumer.handOut($0, asked: asked, answered: answered) })
                await consumer.work(through: received.deliveries)
            } catch {
                guard error.isRetryable || error.code == .cancelled else { return consumer.history.say([.error("\(consumer.name): \(error)")]) }
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private mutating func work(through deliveries: [Delivery]) async {
        var done: [Settlement] = []
        for delivery in deliveries {
            if Int.random(in: 0..<40, using: &random) == 0 {
                // Longer than the lease, so that others get what is held here.
                try? await Task.sleep(for: .milliseconds(lease + Int.random(in: 0...lease, using: &random)))
            }
            if Int.random(in: 0..<10, using: &random) == 0 {
                await say([Settlement(id: delivery.id, token: delivery.token, .extend(lease))])
            }
            do {
                guard try takesEffect(delivery) else { continue }
                done.append(Settlement(id: delivery.id, token: delivery.token, .acknowledge))
                if Bool.random(using: &random) {
                    await say(done)
                    done = []
                }
            } catch {
                let delay = Int.random(in: 0...20, using: &random)
                await say([Settlement(id: delivery.id, token: delivery.token, .reject(delay: delay, reason: "\(error)"))])
            }
        }
        await say(done)
    }

    /// Whether it is done; throws when it is one that fails, and gives some back that do not.
    private mutating func takesEffect(_ delivery: Delivery) throws -> Bool {
        if delivery.isPoison { throw Poisoned() }
        if Int.random(in: 0..<25, using: &random) == 0 { throw Poisoned() }
        try effects.apply(delivery, of: group)
        // Forgotten: it comes again when the lease is over, and changes nothing then.
        return Int.random(in: 0..<50, using: &random) != 0
    }

    private func say(_ settlements: [Settlement]) async {
        guard !settlements.isEmpty else { return }
        let asked = now()
        func words(_ outcomes: [SettlementOutcome]?) -> [BusHistory.Line] {
            let answered = outcomes.map { _ in now() }
            return settlements.enumerated().map { index, settlement in
                let action: BusHistory.Word.Action =
                    switch settlement.action {
                    case .acknowledge: .acknowledge
                    case .extend: .extend
                    case .reject, .release, .terminate: .giveBack
                    }
                return .said(
                    BusHistory.Word(
                        group: group.name, id: settlement.id, token: Int(settlement.token) ?? 0, action: action, asked: asked, answered: answered,
                        isDone: outcomes?[index] == .done))
            }
        }
        history.say(words(nil))
        do throws(StoreError) { history.say(words(try await group.settle(settlements, as: name))) } catch {
            if !error.isRetryable, error.code != .cancelled { history.say([.error("\(name): \(error)")]) }
        }
    }

    private func handOut(_ delivery: Delivery, asked: Int?, answered: Int) -> BusHistory.Line {
        .handedOut(
            BusHistory.HandOut(
                group: group.name, consumer: name, id: delivery.id, token: Int(delivery.token) ?? 0, name: delivery.event.ownName, asked: asked,
                answered: answered))
    }

    // MARK: - With heartbeats

    /// Lets the group's own loop do the asking and the saying. What it says is not seen from here; that an event is about to be acknowledged is.
    func consume() async {
        let random = Mutex(random)
        do throws(StoreError) {
            try await group.consume(as: name, concurrency: 4, prefetch: 4) { delivery in
                history.say([handOut(delivery, asked: nil, answered: now())])
                let pause = random.withLock { Int.random(in: 0..<20, using: &$0) == 0 ? lease + 100 : Int.random(in: 0...4, using: &$0) }
                // Longer than a lease, which heartbeats keep.
                try await Task.sleep(for: .milliseconds(pause))
                if delivery.isPoison { throw Poisoned() }
                try effects.apply(delivery, of: group)
                let word = BusHistory.Word(
                    group: group.name, id: delivery.id, token: Int(delivery.token) ?? 0, action: .acknowledge, asked: now(), answered: nil,
                    isDone: false)
                history.say([.said(word)])
            }
        } catch { history.say([.error("\(name): \(error)")]) }
    }
}

extension Delivery {
    /// Some events can never be worked on.
    var isPoison: Bool { event.data.stringValue?.hasSuffix("-13") == true }
}

/// The database that events take effect in.
final class EffectFile: Sendable {
    private let database: Mutex<Connection>

    private struct Connection: @unchecked Sendable {
        // Used by whoever holds the lock, and by nobody else.
        let handle: OpaquePointer
    }

    init(_ path: String) throws {
        var handle: OpaquePointer?
        guard sqlite3_open(path, &handle) == SQLITE_OK, let handle else { throw POSIXFailure(number: 5) }
        sqlite3_busy_timeout(handle, 20_000)
        sqlite3_exec(handle, "PRAGMA synchronous = OFF", nil, nil, nil)
        database = Mutex(Connection(handle: handle))
    }

    func apply(_ delivery: Delivery, of group: GroupHandle) throws {
        try database.withLock { database in
            let handle = database.handle
            try Checkpoint.once(delivery, of: group, on: handle) {
                let sql = "INSERT INTO effects (consumers, name, delivery) VALUES ('\(group.name)', '\(delivery.event.ownName)', '\(delivery.id)')"
                guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw POSIXFailure(number: 5) }
            }
        }
    }
}
