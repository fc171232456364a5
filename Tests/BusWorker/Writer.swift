import Baton
import BatonCore
import BatonTesting

/// Publishes or appends events with names of its own, one request after the other, each until it is acknowledged.
struct Writer {
    let store: SessionStore
    let name: String
    let history: HistoryFile
    var random: SplitMix64

    private static let keys = 6
    private static let sessions = 4

    consuming func publish(to topic: String) async {
        var writer = self
        var number = 0
        while true {
            let count = Bool.random(using: &writer.random) ? 1 : Int.random(in: 2...6, using: &writer.random)
            let key = "k\(Int.random(in: 0..<Self.keys, using: &writer.random))"
            let isNamed = Bool.random(using: &writer.random)
            let names = (number..<number + count).map { "\(writer.name)-\($0)" }
            number += count
            // Events are known again by their ids, or the request by its own.
            let batch = TopicBatch(
                names.map { TopicEventDraft(type: "x", key: key, data: JSON(string: $0), id: isNamed ? $0 : nil) },
                idempotencyKey: isNamed ? nil : names[0])
            let store = writer.store
            guard let receipt = await writer.untilAcknowledged({ () throws(StoreError) in try await store.publish(batch, to: topic) }) else { return }
            writer.history.say(
                zip(names, receipt.entries).map { .written(BusHistory.Written(log: topic, name: $0, seq: $1.seq)) })
            await writer.rest()
        }
    }

    consuming func append() async {
        var writer = self
        var number = 0
        while true {
            let names = (number..<number + Int.random(in: 1...3, using: &writer.random)).map { "\(writer.name)-\($0)" }
            number += names.count
            guard let session = try? writer.store.session("s\(Int.random(in: 0..<Self.sessions, using: &writer.random))", user: "u", app: "faults")
            else {
                return
            }
            let events = names.map { NewEvent(JSON(string: $0), id: $0) }
            guard let receipt = await writer.untilAcknowledged({ () throws(StoreError) in try await session.append(events, creating: true) }) else {
                return
            }
            writer.history.say(
                zip(names, receipt.entries).map { .written(BusHistory.Written(log: session.key.path, name: $0, seq: $1.seq)) })
            await writer.rest()
        }
    }

    private mutating func rest() async { try? await Task.sleep(for: .milliseconds(Int.random(in: 0...12, using: &random))) }

    /// `nil` when it was refused for good, which is said.
    private func untilAcknowledged<Receipt: Sendable>(_ write: () async throws(StoreError) -> Receipt) async -> Receipt? {
        while true {
            do throws(StoreError) { return try await write() } catch {
                // A request that can be known again may be sent again when it is not known what came of it.
                guard error.isRetryable || error.code == .unconfirmed || error.code == .cancelled else {
                    history.say([.error("\(name) was refused: \(error)")])
                    return nil
                }
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
