internal import BatonCore
internal import BatonTelemetry
internal import Synchronization

/// How far the groups of a store are behind, for metrics.
///
/// Whoever looks gets what is there at once; when that is old, it is read anew in the background, once at a time. So the store is asked only while
/// somebody looks, and at most every ten seconds. Bounded: the first topics by name, and of their groups those with most to do have series of
/// their own.
final class GroupGauges: Sendable {
    private struct State {
        var samples: [MetricSample] = []
        var refresh: Task<Void, Never>?
        var refreshedAt: ContinuousClock.Instant?
        var isClosed = false
    }

    private let store: SessionStore
    private let state = Mutex(State())

    private static let interval = Duration.seconds(10)
    static let maximumTopics = 500
    static let maximumGroups = 200

    init(_ store: SessionStore) { self.store = store }

    /// What was last read.
    var current: [MetricSample] {
        state.withLock { state in
            let isOld = state.refreshedAt.map { ContinuousClock.now - $0 > GroupGauges.interval } ?? true
            if isOld, state.refresh == nil, !state.isClosed { state.refresh = Task { [weak self] in await self?.refresh() } }
            return state.samples
        }
    }

    func close() async {
        let refresh = state.withLock { state in
            state.isClosed = true
            return state.refresh
        }
        refresh?.cancel()
        await refresh?.value
    }

    private func refresh() async {
        let samples: [MetricSample]
        do throws(StoreError) { samples = GroupGauges.samples(of: try await groups(), at: SystemClock.now()) } catch {
            // Old numbers would look like a group that stands still.
            samples = []
        }
        state.withLock { state in
            state.samples = samples
            state.refreshedAt = .now
            state.refresh = nil
        }
    }

    private func groups() async throws(StoreError) -> [ConsumerGroup] {
        var groups: [ConsumerGroup] = []
        for topic in try await store.topics(limit: GroupGauges.maximumTopics) {
            if Task.isCancelled { break }
            groups += try await store.groups(of: topic.name)
        }
        return groups
    }

    /// The numbers of the groups, and over all of them.
    static func samples(of groups: [ConsumerGroup], at now: Timestamp) -> [MetricSample] {
        func sum(_ value: (ConsumerGroup) -> Int) -> Double { Double(groups.reduce(0) { $0 + value($1) }) }
        func age(_ group: ConsumerGroup) -> Double {
            group.oldestUnfinished.map { Double(max(0, now.milliseconds - $0.milliseconds)) / 1000 } ?? 0
        }
        var samples = [
            MetricSample("baton_groups", help: "Groups of consumers.", value: Double(groups.count)),
            MetricSample("baton_groups_behind", help: "Groups that have not finished everything.", value: sum { $0.oldestUnfinished == nil ? 0 : 1 }),
            MetricSample("baton_groups_dead_letters", help: "Dead letters of all groups.", value: sum(\.dead)),
            MetricSample("baton_groups_lost", help: "Events that groups will never finish, because they were trimmed.", value: sum(\.lost)),
            MetricSample(
                "baton_groups_oldest_unfinished_seconds", help: "The age of the oldest event that any group has not finished.",
                value: groups.map(age).max() ?? 0),
        ]
        let shown = groups.sorted { ($0.lag + $0.pending + $0.dead, age($0)) > ($1.lag + $1.pending + $1.dead, age($1)) }.prefix(maximumGroups)
        for group in shown {
            let labels = ["topic": group.topic, "group": group.name]
            samples += [
                MetricSample(
                    "baton_group_lag", help: "Events that were never handed out; counted up to \(ConsumerGroup.countBound).", labels: labels,
                    value: Double(group.lag)),
                MetricSample(
                    "baton_group_pending", help: "Events that were handed out and are not finished.", labels: labels, value: Double(group.pending)),
                MetricSample("baton_group_dead_letters", help: "Events that the group has given up.", labels: labels, value: Double(group.dead)),
                MetricSample(
                    "baton_group_lost", help: "Events that the group will never finish, because they were trimmed.", labels: labels,
                    value: Double(group.lost)),
                MetricSample(
                    "baton_group_oldest_unfinished_seconds", help: "The age of the oldest event that is not finished; 0 when all are.",
                    labels: labels,
                    value: age(group)),
            ]
        }
        return samples
    }
}
