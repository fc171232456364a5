/// Keeps writes that were accepted until they are stored, so that the end of the process loses none.
///
/// One process uses a spool at a time. What was removed may come back after a crash; storing a write again changes nothing.
public protocol WriteSpool: Sendable {
    /// Keeps a write; it is kept when the call returns. Returns its number, which grows.
    func add(_ write: QueuedWrite) async throws(StoreError) -> Int

    /// Forgets writes that were stored, or that somebody has looked at.
    func remove(_ numbers: [Int]) async throws(StoreError)

    /// Sets writes aside that will never be stored as they are; they stay until they are removed or put back.
    func fail(_ numbers: [Int], _ error: StoreError, at time: Timestamp) async throws(StoreError)

    /// Up to `limit` writes after `number` that wait to be stored, in their order.
    func waiting(after number: Int, limit: Int) async throws(StoreError) -> [SpooledWrite]

    /// Up to `limit` writes after `number` that were set aside, in their order.
    func failed(after number: Int, limit: Int) async throws(StoreError) -> [SpooledWrite]

    /// Lets writes that were set aside wait again; they are stored when the spool is opened next. Returns how many there were.
    func putBack(_ numbers: [Int]) async throws(StoreError) -> Int

    /// How many writes are set aside.
    func failedCount() async throws(StoreError) -> Int

    /// Finishes what is under way and lets go of the file.
    func close() async
}

/// A write in a spool.
public struct SpooledWrite: Sendable {
    /// Why a write was set aside.
    public struct Failure: Hashable, Sendable {
        /// The error's code.
        public let code: StoreError.Code
        /// The error's sentence.
        public let message: String
        /// When it was set aside.
        public let time: Timestamp

        /// A failure of its parts.
        public init(code: StoreError.Code, message: String, time: Timestamp) {
            self.code = code
            self.message = message
            self.time = time
        }
    }

    /// Its place in the order of acceptance.
    public let number: Int
    /// What is to be stored.
    public let write: QueuedWrite
    /// Why it was set aside; `nil` while it waits.
    public let failure: Failure?

    /// A write of its parts.
    public init(number: Int, write: QueuedWrite, failure: Failure? = nil) {
        self.number = number
        self.write = write
        self.failure = failure
    }
}

/// A write that was accepted and will not be stored as it is: its caller has long gone on.
public struct WriteFailure: Sendable {
    /// What was to be stored.
    public let write: QueuedWrite
    /// Why it was not.
    public let error: StoreError
    /// Where it is kept in the spool; `nil` when there is none, so that the write exists nowhere else any more.
    public let number: Int?

    /// Told of every such write, on any thread; returns at once.
    public typealias Handler = @Sendable (WriteFailure) -> Void
}
