internal import Synchronization

/// Deliveries of a group for one consumer, as they come. It ends when its task is cancelled.
public struct DeliverySequence: AsyncSequence, Sendable {
    /// A delivery that the loop has to settle.
    public typealias Element = HeldDelivery
    /// What receiving can fail with.
    public typealias Failure = StoreError

    let group: GroupHandle
    let consumer: String
    let batch: Int

    /// Begins to receive at the first call of `next`.
    public func makeAsyncIterator() -> Iterator { Iterator(sequence: self) }

    /// Walks over the deliveries.
    public struct Iterator: AsyncIteratorProtocol {
        private let batch: Int
        private let taken: Taken

        init(sequence: DeliverySequence) {
            batch = sequence.batch
            taken = Taken(sequence.group, sequence.consumer)
        }

        /// The next delivery, as soon as there is one; `nil` when the task is cancelled. What the storage cannot give now is waited for.
        public mutating func next() async throws(StoreError) -> HeldDelivery? {
            try await next(isolation: nil)
        }

        /// The next delivery, as soon as there is one; `nil` when the task is cancelled. What the storage cannot give now is waited for.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(StoreError) -> HeldDelivery? {
            var failures = 0
            while !Task.isCancelled {
                if let delivery = taken.pop() { return HeldDelivery(delivery, of: taken.group, as: taken.consumer) }
                do throws(StoreError) {
                    taken.add(try await taken.group.receive(max: batch, wait: .seconds(20), as: taken.consumer).deliveries)
                    failures = 0
                } catch {
                    guard error.isRetryable else { throw error }
                    failures += 1
                    try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
                }
            }
            return nil
        }
    }

    /// What was received and not yet asked for. Nobody else may have to wait for it when the loop ends.
    private final class Taken: Sendable {
        let group: GroupHandle
        let consumer: String
        private let deliveries = Mutex<[Delivery]>([])

        init(_ group: GroupHandle, _ consumer: String) {
            self.group = group
            self.consumer = consumer
        }

        func add(_ new: [Delivery]) { deliveries.withLock { $0 += new } }

        func pop() -> Delivery? { deliveries.withLock { $0.isEmpty ? nil : $0.removeFirst() } }

        deinit {
            let left = deliveries.withLock { $0 }
            guard !left.isEmpty else { return }
            let (group, consumer) = (group, consumer)
            Task {
                _ = try? await group.settle(left.map { Settlement(id: $0.id, token: $0.token, .release) }, as: consumer)
            }
        }
    }
}
