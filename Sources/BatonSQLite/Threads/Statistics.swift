internal import BatonCore
internal import Synchronization

/// Numbers that the threads leave for whoever wants to see them.
final class Statistics: Sendable {
    struct Numbers {
        var commits = 0
        var operations = 0
        var largestCommit = 0
        var failedCommits = 0
        var logPages = 0
        var checkpoints = 0
        var checkpointMilliseconds = 0
        var hasGarbage = false
    }

    private let numbers = Mutex(Numbers())

    func update(_ body: (inout Numbers) -> Void) { numbers.withLock { body(&$0) } }

    var current: Numbers { numbers.withLock { $0 } }

    func gauges(writerQueue: Int, readerQueue: Int) -> [StorageGauge] {
        let numbers = current
        return [
            StorageGauge("writer_queue_depth", help: "Calls that wait for the writer", value: Double(writerQueue)),
            StorageGauge("reader_queue_depth", help: "Calls that wait for a reader", value: Double(readerQueue)),
            StorageGauge("commits", help: "Transactions committed since the start", value: Double(numbers.commits)),
            StorageGauge("operations", help: "Operations committed since the start", value: Double(numbers.operations)),
            StorageGauge(
                "operations_per_commit", help: "Operations per transaction since the start",
                value: numbers.commits == 0 ? 0 : Double(numbers.operations) / Double(numbers.commits)),
            StorageGauge("largest_commit", help: "The most operations of one transaction", value: Double(numbers.largestCommit)),
            StorageGauge("failed_commits", help: "Transactions that could not be committed", value: Double(numbers.failedCommits)),
            StorageGauge("wal_bytes", help: "Length of the write-ahead log after the last commit", value: Double(numbers.logPages) * 4096),
            StorageGauge("checkpoints", help: "Checkpoints since the start", value: Double(numbers.checkpoints)),
            StorageGauge(
                "last_checkpoint_milliseconds", help: "How long the last checkpoint took", value: Double(numbers.checkpointMilliseconds)),
            StorageGauge("has_garbage", help: "Whether something deleted still takes space", value: numbers.hasGarbage ? 1 : 0),
        ]
    }
}
