internal import BatonCore
public import Testing

/// Holds a storage against the reference model with random operations.
///
/// The same seed gives the same operations. They use few keys, ids and moments, so that they meet. Every answer, every error
/// and now and then everything that can be read has to be the same on both sides. A difference is reported with its seed and
/// the shortest sequence of operations that still shows it.
public struct RandomOperations: Sendable {
    /// The seed that the operations come from.
    public let seed: UInt64
    /// How many operations.
    public let count: Int

    /// Operations from a seed.
    public init(seed: UInt64, count: Int = 400) {
        self.seed = seed
        self.count = count
    }

    /// What was found when a storage did not do as the model does.
    public struct Difference: Sendable, CustomStringConvertible {
        /// The seed that the operations came from.
        public let seed: UInt64
        /// The steps that show it, as short as could be found.
        public let steps: [String]
        /// What the last step led to, on both sides.
        public let mismatch: String

        /// All of it, for people.
        public var description: String {
            "seed \(seed), after \(steps.count) steps:\n" + steps.map { "  \($0)\n" }.joined() + mismatch
        }
    }

    /// Does the operations on a storage of the fixture and on the model, and records an issue when they differ.
    public func check(_ fixture: any StorageFixture, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        guard let difference = try await difference(from: fixture) else { return }
        Issue.record("\(fixture.name): \(difference)", sourceLocation: sourceLocation)
    }

    /// Does the operations on a storage of the fixture and on the model; what differs first, if anything does.
    public func difference(from fixture: any StorageFixture) async throws -> Difference? {
        var random = SplitMix64(seed: seed)
        var policy = StorePolicy.random(using: &random)
        // With every other seed most contents are kept apart, which nobody may see.
        if seed.isMultiple(of: 2) { policy.blobThreshold = 2 }
        var steps = (0..<count).map { _ in RandomStep.random(using: &random) }
        guard var found = try await RandomRun.mismatch(of: steps, on: fixture, policy) else { return nil }
        steps = Array(steps[...found.step])

        // Leave out pieces, large ones first, as long as something still differs.
        var attempts = 300
        var size = steps.count / 2
        while size > 0, attempts > 0 {
            var start = 0
            while start < steps.count - 1, attempts > 0 {
                var shorter = steps
                shorter.removeSubrange(start..<min(start + size, steps.count - 1))
                attempts -= 1
                if let mismatch = try await RandomRun.mismatch(of: shorter, on: fixture, policy) {
                    steps = Array(shorter[...mismatch.step])
                    found = mismatch
                } else {
                    start += size
                }
            }
            size /= 2
        }
        return Difference(seed: seed, steps: ["\(policy)"] + steps.map { "\($0)" }, mismatch: found.text)
    }
}

extension StorePolicy {
    fileprivate static func random(using random: inout SplitMix64) -> StorePolicy {
        StorePolicy(
            maximumEvents: [nil, 3, 20].randomElement(using: &random)!, sessionTTL: [nil, 30].randomElement(using: &random)!,
            userStateTTL: [nil, 20].randomElement(using: &random)!, appStateTTL: [nil, 25].randomElement(using: &random)!,
            readsExtendLife: Int.random(in: 0..<4, using: &random) == 0)
    }
}
