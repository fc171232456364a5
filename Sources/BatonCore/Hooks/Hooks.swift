/// What a program does with appends and reads of sessions on their way to the storage and back.
///
/// Hooks surround the storage like the rings of an onion, in the order in which they were added: the first is asked first and sees the result last.
/// Each is given the call and `next`, which goes on with the hooks behind it and, in the end, with the storage.
///
/// ```swift
/// var hooks = Hooks()
/// hooks.onAppend { call, next in
///     var call = call
///     try call.batch.changeEvents { $0.metadata = ["reviewed": true] }
///     return try await next(call)
/// }
/// let store = try await SessionStore.open("sqlite:baton.db").with(hooks: hooks)
/// ```
/// - It *changes* what is stored or shown by giving `next` another call, or by returning something else than `next` did; *redirects* by another
///   key; *adds* events to the batch.
/// - It *refuses* by throwing. A ``StoreError`` reaches the caller as it is, any other error as ``StoreError/Code/refused`` with the error beneath.
/// - Without calling `next` nothing reaches the storage, and what the hook returns is what the caller sees. Calling it twice does it twice.
/// - A receipt has an entry for every event of the batch; a hook that adds events takes theirs out again where callers count on that.
///
/// They surround ``SessionStore/append(_:to:)`` and ``SessionStore/get(_:_:)`` and whatever is made of them, such as turns and handles; not pages of
/// events, followers, topics, tracks, and the events that steps of approvals write. A hook on reads is therefore no access control.
public struct Hooks: Sendable {
    /// An append on its way to the storage.
    public struct AppendCall: Sendable {
        /// The session.
        public var key: SessionKey
        /// What is appended, and under which conditions.
        public var batch: EventBatch

        /// A call of its parts.
        public init(key: SessionKey, batch: EventBatch) {
            self.key = key
            self.batch = batch
        }
    }

    /// A read of a session on its way to the storage.
    public struct GetCall: Sendable {
        /// The session.
        public var key: SessionKey
        /// What of it is wanted.
        public var query: SnapshotQuery

        /// A call of its parts.
        public init(key: SessionKey, query: SnapshotQuery) {
            self.key = key
            self.query = query
        }
    }

    /// What an append goes on with.
    public typealias NextAppend = @Sendable (AppendCall) async throws(StoreError) -> AppendReceipt
    /// What a read goes on with.
    public typealias NextGet = @Sendable (GetCall) async throws(StoreError) -> SessionSnapshot
    /// A hook on appends.
    public typealias Append = @Sendable (AppendCall, _ next: @escaping NextAppend) async throws -> AppendReceipt
    /// A hook on reads.
    public typealias Get = @Sendable (GetCall, _ next: @escaping NextGet) async throws -> SessionSnapshot

    private(set) var appends: [Append] = []
    private(set) var gets: [Get] = []

    /// None.
    public init() {}

    /// Adds a hook on appends, behind those that were added before.
    public mutating func onAppend(_ hook: @escaping Append) { appends.append(hook) }

    /// Adds a hook on reads of sessions, behind those that were added before.
    public mutating func onGet(_ hook: @escaping Get) { gets.append(hook) }

    /// These, and others behind them.
    func followed(by others: Hooks) -> Hooks {
        var all = self
        all.appends += others.appends
        all.gets += others.gets
        return all
    }

    func append(_ call: AppendCall, from index: Int = 0, _ last: @escaping NextAppend) async throws(StoreError) -> AppendReceipt {
        guard index < appends.count else { return try await last(call) }
        do {
            return try await appends[index](call) { (call) throws(StoreError) in try await self.append(call, from: index + 1, last) }
        } catch { throw Hooks.refusal(error, "the append") }
    }

    func get(_ call: GetCall, from index: Int = 0, _ last: @escaping NextGet) async throws(StoreError) -> SessionSnapshot {
        guard index < gets.count else { return try await last(call) }
        do {
            return try await gets[index](call) { (call) throws(StoreError) in try await self.get(call, from: index + 1, last) }
        } catch { throw Hooks.refusal(error, "the read") }
    }

    /// What a hook threw, as the caller sees it. The text of a foreign error is not shown: it may hold contents.
    private static func refusal(_ error: any Error, _ call: String) -> StoreError {
        switch error {
        case let error as StoreError: error
        case is CancellationError: StoreError(.cancelled, "the call was cancelled in a hook", underlying: error)
        default: StoreError(.refused, "a hook refused \(call)", underlying: error)
        }
    }
}
