internal import BatonCore

/// Something that is told to whoever listens now.
struct Signal: Sendable {
    /// Goes up with every signal of a file, in the order of their commits.
    let number: Int
    let channel: String
    let payload: JSON
}

extension Writing {
    /// How long other processes have to notice a signal, in milliseconds.
    private static var signalLifetime: Int { 60_000 }

    /// Tells listeners of this process after the commit. Others find it in the file, where there is one.
    func signal(_ payload: JSON, on channel: String, from sender: String?) throws(StoreError) {
        let signal = Signal(number: nextOwner(), channel: channel, payload: payload)
        if let sender {
            try db.run(
                "INSERT INTO signals (pk, ms, sender, channel, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
                signal.number, reading.now, sender, channel, payload)
        }
        tell(signal)
    }

    /// Forgets signals that everybody has had time for.
    func sweepSignals(upTo count: Int) throws(StoreError) {
        try db.run(
            "DELETE FROM signals WHERE pk IN (SELECT pk FROM (SELECT pk, ms FROM signals WHERE pk > 0 ORDER BY pk LIMIT ?2) WHERE ms < ?1)",
            reading.now - Writing.signalLifetime, count)
    }
}

extension Reading {
    /// A number that only signals of later transactions exceed.
    func lastSignal() throws(StoreError) -> Int {
        let statement = try db.statement("SELECT last_owner FROM counters")
        defer { statement.reset() }
        return try statement.step() ? statement.int(0) : 0
    }
}
