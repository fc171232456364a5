internal import BatonCore

/// One step of a random sequence. It names events and places by how they came about, not by what they are called, so that it
/// means the same on both sides and still means something when steps before it are left out.
enum RandomStep: Sendable {
    /// The clock moves, back when negative.
    case clock(milliseconds: Int)
    case create(SessionKey, SessionDraft)
    case session(SessionKey, SnapshotQuery)
    case update(SessionKey, SessionPatch, version: RandomNumber?)
    case touch(SessionKey)
    case delete(SessionKey)
    case sessions(SessionQuery, following: Bool)
    case append(SessionKey, [RandomEvent], expected: RandomNumber?, key: String?, creating: Bool)
    case events(SessionKey, EventQuery, after: RandomPlace?, before: RandomPlace?)
    case event(SessionKey, RandomID)
    case window(SessionKey, RandomID, before: Int, after: Int, roles: [String])
    case replace(SessionKey, RandomID, EventPatch)
    case remove(SessionKey, RandomID?)
    case clear(SessionKey)
    case state(StateScope)
    case change(StateScope, [StateChange])
    case changeAll(SessionKey, StateDelta)
    /// A fork at a place, or at the end, after the session that stands in its way was deleted or not.
    case fork(SessionKey, RandomPlace?, to: SessionKey, deleting: Bool, ForkDraft)
    case rewind(SessionKey, RandomPlace, expected: RandomNumber?)
    case lineage(SessionKey)
    /// A summary up to a seq is claimed and stored.
    case summarize(SessionKey, filter: String, through: Int)
    case summaries(SessionKey)
    case compare(SessionKey, with: SessionKey)
    case appendTrack(TrackLog.Key, [RandomEvent], ttl: Int?)
    case tracks(SessionKey, last: Int)
    case track(TrackLog.Key, TrackQuery, after: RandomPlace?)
    case deleteTrack(TrackLog.Key)
    case acquire(SessionKey, LeaseRequest)
    case renew(SessionKey, RandomEpoch, milliseconds: Int)
    case release(SessionKey, RandomEpoch)
    case leaveLine(SessionKey, ticket: String)
    /// A mutation that shows an epoch.
    indirect case showing(RandomEpoch, RandomStep)
    /// Everything that can be read is compared.
    case compareAll
}

/// The id of an event.
enum RandomID: Hashable, Sendable {
    case own(String)
    /// One that the store made, or will make, in the session's latest generation that is known.
    case made(seq: Int)
    /// One that was given out for the session, in any generation; 0 is the last.
    case recent(Int)
}

/// An event to append.
struct RandomEvent: Hashable, Sendable {
    var id: RandomID?
    var role: String?
    var text: String
    var state: [String: JSON]
}

/// A number that is compared with what is stored: the right one, or next to it.
struct RandomNumber: Hashable, Sendable {
    var distance: Int
}

/// The epoch of a lease: one that was given out for the session, 0 the last; or one that nobody was given.
enum RandomEpoch: Hashable, Sendable {
    case recent(Int)
    case unknown(Int)
}

/// A place in a log.
enum RandomPlace: Hashable, Sendable {
    case seq(Int)
    /// One of the offsets that were given out for the session so far, in any generation.
    case given(Int)
    /// One of them, some milliseconds off.
    case wrong(Int, milliseconds: Int)
}

extension RandomStep {
    static let apps = ["app", "App"]
    static let users = ["ann", "é", "e\u{301}"]
    static let ids = ["s", "t:{*}", "u"]

    static let keys: [SessionKey] = apps.flatMap { app in
        users.flatMap { user in ids.map { SessionKey(owner: UserKey(checkedApp: app, user: user), checkedID: $0) } }
    }

    static let scopes: [StateScope] =
        [.store] + apps.map { .app($0) } + apps.flatMap { app in users.map { .user(UserKey(checkedApp: app, user: $0)) } }

    static let tags = ["red", "blue", "Red"]
    private static let trackNames = ["t", "é", "e\u{301}"]
    private static let roles = ["user", "tool", "assistant"]
    private static let stateKeys = ["k", "l", "user:k", "user:m", "app:k", "app:n", "temp:k"]
    private static let values = ["1", "\"x\"", #"{"a":1}"#, #"{"a":{"b":2},"c":3}"#, "[1,2]", "null"].map { JSON(checked: Array($0.utf8)) }
    private static let patches = ["1", #"{"a":null}"#, #"{"a":{"b":null,"d":1}}"#, #"{"e":{"f":null}}"#].map { JSON(checked: Array($0.utf8)) }

    static func random(using random: inout SplitMix64) -> RandomStep {
        let step = anyStep(using: &random)
        guard step.isMutation, Int.random(in: 0..<3, using: &random) == 0 else { return step }
        return .showing(epoch(&random), step)
    }

    /// Whether it may show an epoch.
    private var isMutation: Bool {
        switch self {
        case .update, .delete, .append, .replace, .remove, .clear, .change, .changeAll, .fork, .rewind, .appendTrack, .deleteTrack: true
        default: false
        }
    }

    private static func epoch(_ random: inout SplitMix64) -> RandomEpoch {
        Int.random(in: 0..<5, using: &random) == 0
            ? .unknown(Int.random(in: 0...3, using: &random)) : .recent([0, 0, 0, 1].randomElement(using: &random)!)
    }

    private static func leaseStep(_ key: SessionKey, using random: inout SplitMix64) -> RandomStep {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5:
            return .acquire(
                key,
                LeaseRequest(
                    holder: ["a", "b", "é", "e\u{301}"].randomElement(using: &random)!,
                    ttl: [1000, 1500, 5000, 30_000].randomElement(using: &random)!,
                    steals: Int.random(in: 0..<5, using: &random) == 0, ticket: ["x", "y", "z", nil].randomElement(using: &random)!))
        case 5..<7: return .renew(key, epoch(&random), milliseconds: [1000, 8000].randomElement(using: &random)!)
        case 7..<9: return .release(key, epoch(&random))
        default: return .leaveLine(key, ticket: ["x", "y"].randomElement(using: &random)!)
        }
    }

    private static func trackStep(_ key: SessionKey, using random: inout SplitMix64) -> RandomStep {
        let track = TrackLog.Key(key, track: trackNames.randomElement(using: &random)!)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5:
            let events = (0..<[1, 1, 2, 5].randomElement(using: &random)!).map { number in
                RandomEvent(id: Bool.random(using: &random) ? id(&random) : nil, role: nil, text: "\(number)", state: [:])
            }
            return .appendTrack(track, events, ttl: [nil, nil, 5, 20].randomElement(using: &random)!)
        case 5: return .tracks(key, last: [0, 2, 100].randomElement(using: &random)!)
        case 6..<9:
            let moment = ManualClock.start.milliseconds + Int.random(in: -10...300, using: &random) * 1000
            let query = TrackQuery(
                limit: [1, 2, 1000].randomElement(using: &random)!,
                since: Int.random(in: 0..<3, using: &random) == 0 ? Timestamp(milliseconds: moment) : nil)
            return .track(track, query, after: Bool.random(using: &random) ? place(&random) : nil)
        default: return .deleteTrack(track)
        }
    }

    private static func anyStep(using random: inout SplitMix64) -> RandomStep {
        func chance(_ percent: Int, _ random: inout SplitMix64) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func pick<Value>(_ values: [Value], _ random: inout SplitMix64) -> Value { values.randomElement(using: &random)! }
        // Most of what happens, happens in two sessions.
        let key = chance(75, &random) ? keys[Int.random(in: 0..<3, using: &random)] : pick(keys, &random)
        if chance(12, &random) { return leaseStep(key, using: &random) }
        if chance(12, &random) { return trackStep(key, using: &random) }
        switch Int.random(in: 0..<122, using: &random) {
        case 0..<9:
            let seconds = pick([0, 0, 1, 1, 1, 2, 5, 10, 20, 31, -1, -5, -3600], &random)
            return .clock(milliseconds: seconds * 1000 + pick([0, 0, 1, 999, -1], &random))
        case 9..<18:
            return .create(
                key,
                SessionDraft(
                    title: chance(50, &random) ? "title" : nil, tags: tags.filter { _ in chance(40, &random) }, state: delta(&random),
                    lifetime: pick([.storeDefault, .storeDefault, .unlimited, .seconds(20), .seconds(31)], &random),
                    leasePolicy: chance(25, &random) ? .advisory : .exclusive))
        case 18..<22: return .session(key, SnapshotQuery(events: pick([0, 1, 3, 100], &random), filter: filter(&random)))
        case 22..<27:
            return .update(key, patch(&random), version: chance(40, &random) ? RandomNumber(distance: pick([0, 0, 1, -1], &random)) : nil)
        case 27..<28: return .touch(key)
        case 28..<30: return .delete(key)
        case 30..<36:
            let query = SessionQuery(
                of: chance(50, &random) ? .user(key.owner) : .app(key.app), limit: pick([1, 2, 100], &random),
                status: chance(20, &random) ? pick(SessionRecord.Status.allCases, &random) : nil,
                tags: chance(30, &random) ? [pick(tags, &random), pick(tags, &random)] : [],
                order: pick(SessionQuery.Order.allCases, &random), events: pick([0, 0, 2], &random))
            return .sessions(query, following: chance(60, &random))
        case 36..<60:
            let count = pick([1, 1, 1, 2, 3, 6], &random)
            let events = (0..<count).map { number in
                RandomEvent(
                    id: chance(35, &random) ? id(&random) : nil, role: chance(70, &random) ? pick(roles, &random) : nil, text: "\(number)",
                    state: chance(30, &random) ? [pick(stateKeys, &random): pick(values, &random)] : [:])
            }
            return .append(
                key, events, expected: chance(20, &random) ? RandomNumber(distance: pick([0, 0, 1, -1], &random)) : nil,
                key: chance(20, &random) ? pick(["one", "two", "three"], &random) : nil, creating: chance(30, &random))
        case 60..<71:
            let query = EventQuery(
                limit: pick([1, 2, 5, 1000], &random), order: pick(EventQuery.Order.allCases, &random), filter: filter(&random),
                view: chance(20, &random) ? .log : .history)
            return .events(key, query, after: chance(50, &random) ? place(&random) : nil, before: chance(25, &random) ? place(&random) : nil)
        case 71..<74: return .event(key, id(&random))
        case 74..<77:
            return .window(
                key, id(&random), before: pick([0, 1, 3], &random), after: pick([0, 1, 3], &random),
                roles: chance(40, &random) ? [pick(roles, &random)] : [])
        case 77..<80:
            return .replace(
                key, id(&random),
                EventPatch(content: pick(values, &random), metadata: chance(30, &random) ? JSON(checked: Array(#"{"m":1}"#.utf8)) : nil))
        case 80..<86: return .remove(key, chance(50, &random) ? id(&random) : nil)
        case 86..<87: return .clear(key)
        case 87..<90: return .state(chance(50, &random) ? .session(key) : pick(scopes, &random))
        case 90..<95:
            let changes = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                StateChange(pick(["k", "l", "m"], &random), operation(&random))
            }
            return .change(chance(40, &random) ? .session(key) : pick(scopes, &random), changes)
        case 95..<98: return .changeAll(key, delta(&random))
        case 98..<106:
            return .fork(
                key, chance(60, &random) ? place(&random) : nil, to: relative(of: key, &random), deleting: chance(75, &random), fork(&random))
        case 106..<111:
            return .rewind(key, place(&random), expected: chance(20, &random) ? RandomNumber(distance: pick([0, 0, 1], &random)) : nil)
        case 111..<112: return .lineage(key)
        case 116..<120: return .summarize(key, filter: pick(["", "f", "é"], &random), through: Int.random(in: 1...12, using: &random))
        case 120..<122: return .summaries(key)
        case 112..<114: return .compare(key, with: relative(of: key, &random))
        default: return .compareAll
        }
    }

    /// A session of the same user, maybe the same one.
    private static func relative(of key: SessionKey, _ random: inout SplitMix64) -> SessionKey {
        SessionKey(owner: key.owner, checkedID: ids.randomElement(using: &random)!)
    }

    private static func fork(_ random: inout SplitMix64) -> ForkDraft {
        var draft = ForkDraft()
        switch Int.random(in: 0..<8, using: &random) {
        case 0: draft.title = .set(["fork", nil].randomElement(using: &random)!)
        case 1: draft.tags = .set(tags.filter { _ in Bool.random(using: &random) })
        case 2: draft.metadata = .set([.emptyObject, patches[2]].randomElement(using: &random)!)
        case 3: draft.ttl = .set([nil, 5, 100].randomElement(using: &random)!)
        case 4: draft.activeAgent = .set(["agent", nil].randomElement(using: &random)!)
        case 6: draft.force = true
        case 5: draft.state = ["k": values.randomElement(using: &random)!, "m": .null]
        default: break
        }
        return draft
    }

    private static func id(_ random: inout SplitMix64) -> RandomID {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .made(seq: Int.random(in: 1...12, using: &random))
        case 1..<5: .own(["a", "b", "c", "d", "é", "e\u{301}"].randomElement(using: &random)!)
        default: .recent(Int.random(in: 0..<6, using: &random))
        }
    }

    private static func place(_ random: inout SplitMix64) -> RandomPlace {
        switch Int.random(in: 0..<5, using: &random) {
        case 0, 1: .seq(Int.random(in: 0...14, using: &random))
        case 2, 3: .given(Int.random(in: 0..<1000, using: &random))
        default: .wrong(Int.random(in: 0..<1000, using: &random), milliseconds: [-1000, 1, 60_000].randomElement(using: &random)!)
        }
    }

    private static func filter(_ random: inout SplitMix64) -> EventFilter {
        var filter = EventFilter()
        if Int.random(in: 0..<3, using: &random) == 0 { filter.roles = roles.shuffled(using: &random).suffix(Int.random(in: 1...2, using: &random)) }
        let moment = ManualClock.start.milliseconds + Int.random(in: -10...300, using: &random) * 1000
        switch Int.random(in: 0..<8, using: &random) {
        case 0: filter.since = Timestamp(milliseconds: moment)
        case 1: filter.until = Timestamp(milliseconds: moment)
        default: break
        }
        return filter
    }

    private static func operation(_ random: inout SplitMix64) -> StateChange.Operation {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .remove
        case 1: .merge(patches.randomElement(using: &random)!)
        default: .set(values.randomElement(using: &random)!)
        }
    }

    private static func delta(_ random: inout SplitMix64) -> StateDelta {
        var delta = StateDelta()
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            // These keys are names.
            try! delta.add(stateKeys.randomElement(using: &random)!, operation(&random))
        }
        return delta
    }

    private static func patch(_ random: inout SplitMix64) -> SessionPatch {
        var patch = SessionPatch()
        switch Int.random(in: 0..<8, using: &random) {
        case 6: patch.leasePolicy = .set(LeasePolicy.allCases.randomElement(using: &random)!)
        case 0: patch.title = .set(["new", nil].randomElement(using: &random)!)
        case 1: patch.tags = .set(tags.filter { _ in Bool.random(using: &random) })
        case 2: patch.status = .set(SessionRecord.Status.allCases.randomElement(using: &random)!)
        case 3: patch.metadata = (patches + [.null]).filter { $0.isObject || $0.isNull }.randomElement(using: &random)!
        case 4: patch.ttl = .set([nil, 5, 100].randomElement(using: &random)!)
        case 5: patch.activeAgent = .set(["agent", nil].randomElement(using: &random)!)
        default: break
        }
        return patch
    }
}
