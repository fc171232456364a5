internal import BatonCore
internal import BatonRedisClient

/// The array that a script answered, walked once from its beginning.
struct ScriptReply {
    private var rest: IndexingIterator<RedisReply.Elements>

    /// What follows the 0 of a script that did what it was asked for.
    /// - Throws: what the number says instead of 0.
    init(_ reply: RedisReply) throws(StoreError) {
        try self.init(parts: reply)
        let code = try int()
        guard code != 0 else { return }
        switch Refusal(rawValue: code) {
        case .absent: throw StoreError.noSession
        case .noEvent: throw StoreError.noEvent
        case .otherRequest: throw StoreError(.idempotencyMismatch, "the idempotency key was used before with other events")
        case .precondition:
            let current = try int()
            throw StoreError(.preconditionFailed, "the session has moved on; it is at \(current)", detail: .current(current))
        case .madeID:
            let (index, seq) = (try int(), try int())
            throw StoreError(
                .invalidField, "events[\(index)].id is one that the store has yet to make; the session is at seq \(seq)")
        case .fenced: throw StoreError.fenced(current: try int())
        case .busy:
            let (epoch, expires, holder) = (try int(), try int(), try text())
            let lease = Lease(holder: holder, epoch: epoch, expiresAt: Timestamp(milliseconds: expires))
            throw StoreError.busy(expires == 0 ? nil : lease, ahead: Int(nextIfAny()?.integer ?? 0))
        case .lineIsFull: throw StoreError.lineIsFull
        case .otherAgent:
            let agent = try text()
            throw StoreError.otherAgent(active: agent.isEmpty ? nil : agent)
        case .changedMeanwhile: throw ScriptReply.changedMeanwhile
        case .unknownOutcome:
            throw StoreError(.cancelled, "the connection to Redis broke; whether the call took effect cannot be found out any more")
        case .gone:
            let floor = (seq: try int(), milliseconds: try int())
            let tail = (seq: try int(), milliseconds: try int())
            throw StoreError(
                .offsetGone, "the place stands before what is kept, or in another generation or branch of the session",
                detail: .gone(
                    earliest: Offset(milliseconds: floor.milliseconds, seq: floor.seq),
                    tail: Offset(milliseconds: tail.milliseconds, seq: tail.seq), generation: try text()))
        case .exists: throw StoreError(.exists, "a session with this id exists already")
        case .tooManyLogs: throw History.tooManyLogs
        case .tooManyRewinds: throw Rewinds.tooMany
        case .tooManyTracks: throw StoreError.tooManyTracks
        case .trackListTooLarge: throw StoreError.trackListTooLarge
        case .corrupt: throw StoreError.corrupt("what Redis holds for this session")
        case .noToolCall: throw StoreError.noToolCall
        case .noApproval: throw StoreError.noApproval
        case .noCursor: throw StoreError(.invalidCursor, "nothing of the session has the key that the page begins after")
        case .summaryClaimed: throw StoreError.summaryClaimed
        case .tooManySummaries: throw StoreError.tooManySummaries
        case .summaryFenced: throw StoreError.summaryFenced(current: try int())
        case .summaryIsOlder: throw StoreError.summaryIsOlder(than: try offset())
        case .summaryBeyond: throw StoreError.summaryBeyond(try offset())
        case .tooManyCalls:
            throw StoreError(.tooLarge, "the session has \(ToolCall.maximumPerSession) tool calls that are not finished; it may have no more")
        case .tooManyApprovals:
            throw StoreError(.tooLarge, "the session has \(Approval.maximumPerSession) approvals that nobody has decided; it may have no more")
        case .deadlineOver: throw StoreError(.invalidField, "expiresAt lies in the past; nobody could decide")
        case .notDecider: throw StoreError(.forbidden, "the approval names who may decide; this decider is not among them")
        case .unsuited, .toolCallHeld, .otherStep, .otherAttempt, nil: throw StoreError.corrupt("the answer of a script")
        }
    }

    /// The parts of an inner array.
    init(parts reply: RedisReply) throws(StoreError) {
        guard let elements = reply.elements else { throw StoreError.corrupt("the answer of a script") }
        rest = elements.makeIterator()
    }

    /// Thrown when what a change was computed from has changed; the change is computed anew.
    static let changedMeanwhile = StoreError(.busy, "others keep changing the same value; trying again later may succeed")

    /// Whether an error says that a change has to be computed anew.
    static func saysChanged(_ error: StoreError) -> Bool { error.code == .busy && error.detail == .none }

    mutating func next() throws(StoreError) -> RedisReply {
        guard let part = rest.next() else { throw StoreError.corrupt("the answer of a script") }
        return part
    }

    mutating func nextIfAny() -> RedisReply? { rest.next() }

    mutating func int() throws(StoreError) -> Int {
        guard let value = try next().integer else { throw StoreError.corrupt("a number in the answer of a script") }
        return Int(value)
    }

    mutating func bytes() throws(StoreError) -> ArraySlice<UInt8> {
        guard let value = try next().bytes else { throw StoreError.corrupt("a string in the answer of a script") }
        return value
    }

    /// A seq and milliseconds.
    mutating func offset() throws(StoreError) -> Offset {
        let seq = try int()
        return Offset(milliseconds: try int(), seq: seq)
    }

    mutating func text() throws(StoreError) -> String { String(decoding: try bytes(), as: UTF8.self) }
}
