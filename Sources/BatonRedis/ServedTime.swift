internal import BatonRedisClient
internal import Synchronization

/// Keeps the offsets of new events apart from those of events that a failover has lost.
///
/// The new primary gives out the lost seqs again, and its clock may be slower than that of the old one: then a new event could get the very
/// offset of a lost one, and a reader who holds that would go on as if nothing had happened. So from the moment that a connection was
/// lost, what is written gets a time after all that were served before.
final class ServedTime: Sendable {
    private let newest = Atomic<Int>(0)
    private let floor = Atomic<Int>(0)
    private let losses = Atomic<Int>(0)

    /// An offset with this time goes out to a caller.
    func served(_ milliseconds: Int) {
        if milliseconds > newest.load(ordering: .relaxed) { newest.max(milliseconds, ordering: .relaxed) }
    }

    /// What times of new events have to reach on the server that is written to now; nil as long as it can be no other than before.
    func floor(_ client: RedisClient) -> Int? {
        let count = client.lostConnections
        if count != losses.load(ordering: .relaxed) {
            // First the floor, then that it is known: a writer that comes between takes the floor a second time, which changes nothing.
            floor.max(newest.load(ordering: .relaxed) + 1, ordering: .sequentiallyConsistent)
            losses.store(count, ordering: .sequentiallyConsistent)
        }
        let floor = floor.load(ordering: .sequentiallyConsistent)
        // One served nothing yet.
        return floor > 1 ? floor : nil
    }
}
