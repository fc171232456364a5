public import BatonCore

/// How a SQLite storage treats its file.
public struct SQLiteConfiguration: Hashable, Sendable {
    /// What an acknowledged write survives.
    public enum Durability: String, Hashable, Sendable, CaseIterable {
        /// Power loss: every commit waits for the disk (`synchronous=FULL`).
        case full
        /// The end of the process; power loss may take the last commits, but never harms the file (`synchronous=NORMAL`).
        case normal

        /// As it is meant for a file.
        /// - Throws: ``BatonCore/StoreError/Code/invalidParameter`` for what a file cannot promise.
        public init(_ durability: BatonCore.Durability) throws(StoreError) {
            switch durability {
            case .full: self = .full
            case .normal: self = .normal
            case .memory, .wait:
                throw StoreError(.invalidParameter, "an SQLite file takes the durability full or normal, not \(durability): it has no replicas")
            }
        }
    }

    /// When the write-ahead log is copied back into the file, counted in pages of 4 KiB.
    public struct CheckpointPolicy: Hashable, Sendable {
        /// From this length of the log on, another thread copies in the background.
        public var backgroundPages: Int
        /// From this length on, the writer copies what is left itself, which lets the log start over.
        public var inlinePages: Int

        /// A policy; by default from 4 MiB in the background and from 32 MiB by the writer.
        public init(backgroundPages: Int = 1000, inlinePages: Int = 8000) {
            self.backgroundPages = backgroundPages
            self.inlinePages = inlinePages
        }
    }

    /// What an acknowledged write survives.
    public var durability: Durability
    /// How long to wait for a lock that another process holds before ``BatonCore/StoreError/Code/busy`` is thrown.
    public var busyTimeout: Duration
    /// How many threads read, each with a connection of its own; at least 1.
    public var readers: Int
    /// How many calls may wait for the writer, and how many for the readers; more are refused with
    /// ``BatonCore/StoreError/Code/tooManyRequests``.
    public var queueLimit: Int
    /// When the write-ahead log is copied back.
    public var checkpoint: CheckpointPolicy
    /// How often expired sessions and state are looked for.
    public var sweepInterval: Duration

    /// A configuration; the defaults never lose an acknowledged write.
    public init(
        durability: Durability = .full, busyTimeout: Duration = .seconds(5), readers: Int = 2, queueLimit: Int = 4096,
        checkpoint: CheckpointPolicy = CheckpointPolicy(), sweepInterval: Duration = .seconds(1)
    ) {
        self.durability = durability
        self.busyTimeout = busyTimeout
        self.readers = readers
        self.queueLimit = queueLimit
        self.checkpoint = checkpoint
        self.sweepInterval = sweepInterval
    }
}
