/// Which summaries are to be made, and in which order: those of one session one after the other, as many sessions at once as there are workers. No I/O.
struct SummaryQueue {
    /// What is to be done in one session.
    struct Job: Hashable, Sendable {
        /// The session.
        let key: SessionKey
        /// The filters, in the order of asking; true where it is done whatever the trigger says.
        var filters: [(name: String, isForced: Bool)]

        static func == (a: Job, b: Job) -> Bool {
            a.key == b.key && a.filters.elementsEqual(b.filters) { Name.isSame($0.name, $1.name) && $0.isForced == $1.isForced }
        }
        func hash(into hasher: inout Hasher) { hasher.combine(key) }

        mutating func merge(_ filter: String, isForced: Bool) {
            if let index = filters.firstIndex(where: { Name.isSame($0.name, filter) }) {
                filters[index].isForced = filters[index].isForced || isForced
            } else {
                filters.append((filter, isForced))
            }
        }
    }

    /// What became of a wish.
    enum Outcome: Hashable {
        /// It waits.
        case queued
        /// It was one of those that wait already.
        case merged
        /// There is no room.
        case full
        /// Nothing is taken any more.
        case closed
    }

    private let workers: Int
    private let limit: Int
    private var jobs: [SessionKey: Job] = [:]
    /// Sessions in the order of their first wish that is not begun.
    private var order: [SessionKey] = []
    private(set) var running: Set<SessionKey> = []
    private(set) var isClosed = false

    init(workers: Int, limit: Int) {
        self.workers = workers
        self.limit = limit
    }

    /// How many sessions wait.
    var count: Int { jobs.count }

    /// Adds a wish.
    mutating func add(_ filter: String, of key: SessionKey, isForced: Bool) -> Outcome {
        guard !isClosed else { return .closed }
        if jobs[key] != nil {
            jobs[key]?.merge(filter, isForced: isForced)
            return .merged
        }
        guard jobs.count < limit else { return .full }
        jobs[key] = Job(key: key, filters: [(filter, isForced)])
        order.append(key)
        return .queued
    }

    /// The next job to begin; `nil` when nothing waits that may begin now.
    mutating func next() -> Job? {
        guard !isClosed, running.count < workers, let index = order.firstIndex(where: { !running.contains($0) }) else { return nil }
        let key = order.remove(at: index)
        running.insert(key)
        return jobs.removeValue(forKey: key)
    }

    /// A session's job has ended.
    mutating func finished(_ key: SessionKey) { running.remove(key) }

    /// Takes nothing any more; returns how many sessions waited.
    mutating func close() -> Int {
        isClosed = true
        let left = jobs.count
        jobs = [:]
        order = []
        return left
    }
}
