internal import Synchronization

/// Several endpoints of which one is wanted: each attempt to connect takes the next.
final class Candidates: Sendable {
    private let endpoints: [RedisEndpoint]
    private let position = Atomic<Int>(0)

    /// `endpoints` must not be empty.
    init(_ endpoints: [RedisEndpoint]) { self.endpoints = endpoints }

    func next() -> RedisEndpoint {
        let taken = position.wrappingAdd(1, ordering: .relaxed).oldValue
        return endpoints[Int(UInt(bitPattern: taken) % UInt(endpoints.count))]
    }
}
