internal import BatonCore

/// One sequence of steps, done on a storage and on the model side by side.
struct RandomRun {
    struct Mismatch {
        let step: Int
        let text: String
    }

    /// The first step at which the two differ.
    static func mismatch(of steps: [RandomStep], on fixture: any StorageFixture, _ policy: StorePolicy) async throws -> Mismatch? {
        let clock = ManualClock()
        let opened = try await fixture.open(policy, clock: clock.now)
        let model = ReferenceModel(policy: policy, clock: clock.now)
        var run = RandomRun(clock: clock, model: model, sides: [Side(storage: model), Side(storage: opened.storage)])
        var mismatch: Mismatch?
        for (index, step) in (steps + [.compareAll]).enumerated() {
            guard let text = await run.perform(step) else { continue }
            mismatch = Mismatch(step: min(index, steps.count - 1), text: text)
            break
        }
        await opened.discard()
        return mismatch
    }

    /// The model or the storage, and what its random names stand for.
    private struct Side {
        let storage: any Storage
        /// The latest generation of each session.
        var generations: [SessionKey: String] = [:]
        /// The ids that were given out for each session.
        var ids: [SessionKey: [String]] = [:]
        /// The same of tracks.
        var trackGenerations: [TrackLog.Key: String] = [:]
        var trackIDs: [TrackLog.Key: [String]] = [:]
    }

    private let clock: ManualClock
    private let model: ReferenceModel
    /// The model first, the storage second.
    private var sides: [Side]
    /// What the storage's generations are called in the model.
    private var names: [String: String] = [:]
    /// The offsets that were given out. Both sides give the same ones, so one list is enough.
    private var offsets: [SessionKey: [Offset]] = [:]
    private var trackOffsets: [TrackLog.Key: [Offset]] = [:]
    /// When tracks expire or have expired.
    private var trackExpiries: [Timestamp] = []
    /// The epochs that were given out. Both sides give the same ones.
    private var epochs: [SessionKey: [Int]] = [:]
    /// Where the last page of sessions ended.
    private var position: SessionQuery.Position?

    private init(clock: ManualClock, model: ReferenceModel, sides: [Side]) {
        self.clock = clock
        self.model = model
        self.sides = sides
    }

    /// Does one step on both sides; what differs, if anything does.
    private mutating func perform(_ step: RandomStep) async -> String? {
        if case .clock(let milliseconds) = step {
            move(by: milliseconds)
            return nil
        }
        if case .compareAll = step {
            for key in RandomStep.keys {
                for part in [
                    RandomStep.session(key, SnapshotQuery(events: 1000)), .events(key, EventQuery(limit: 1000), after: nil, before: nil),
                    .events(key, EventQuery(limit: 1000, order: .desc, view: .log), after: nil, before: nil), .lineage(key), .summaries(key),
                    .tracks(key, last: 1000),
                ] {
                    if let text = await compare(part) { return text }
                }
            }
            for scope in RandomStep.scopes {
                if let text = await compare(.state(scope)) { return text }
            }
            for app in RandomStep.apps {
                for order in SessionQuery.Order.allCases {
                    if let text = await compare(.sessions(SessionQuery(of: .app(app), limit: 1000, order: order), following: false)) { return text }
                }
            }
            return nil
        }
        return await compare(step)
    }

    /// A step back over a moment at which something expired would bring it back, or not, depending on whether it was swept.
    private func move(by milliseconds: Int) {
        let now = clock.now().milliseconds
        let expiries = model.expiries + trackExpiries
        if milliseconds < 0, expiries.contains(where: { $0.milliseconds > now + milliseconds && $0.milliseconds <= now }) { return }
        clock.advance(milliseconds: milliseconds)
    }

    private mutating func compare(_ step: RandomStep) async -> String? {
        var inner = step
        var shown: Int?
        if case .showing(let epoch, let mutation) = step {
            inner = mutation
            shown = number(of: epoch, mutation.session)
        }
        let expected = await answer(to: inner, from: sides[0], showing: shown).renamed([:])
        let actual = await answer(to: inner, from: sides[1], showing: shown)
        if let key = inner.maker { await learnGenerations(of: key) }
        if case .appendTrack(let track, _, _) = inner { await learnGenerations(of: track) }
        let renamed = actual.renamed(names)
        guard expected == renamed else { return "\(step)\n  model:   \(expected)\n  storage: \(renamed)" }
        switch (expected, inner) {
        case (.receipt(let receipt), .append(let key, _, _, _, _)):
            offsets[key, default: []] += receipt.entries.map(\.offset)
            for (index, answer) in [expected, actual].enumerated() {
                if case .receipt(let receipt) = answer { sides[index].ids[key, default: []] += receipt.entries.map(\.id) }
            }
        case (.receipt(let receipt), .appendTrack(let track, _, _)):
            trackOffsets[track, default: []] += receipt.entries.map(\.offset)
            for (index, answer) in [expected, actual].enumerated() {
                if case .receipt(let receipt) = answer { sides[index].trackIDs[track, default: []] += receipt.entries.map(\.id) }
            }
        case (.receipt(let receipt), .rewind(let key, _, _)): offsets[key, default: []] += receipt.entries.map(\.offset)
        case (.session, .fork(let key, _, let fork, _, _)):
            // What was given out for the parent is tried on the fork too, also what comes after the cut.
            offsets[fork, default: []] += offsets[key] ?? []
            for index in sides.indices { sides[index].ids[fork, default: []] += sides[index].ids[key] ?? [] }
        case (.sessions(let page), _): position = page.next
        case (.lease(let lease), .acquire(let key, _)): epochs[key, default: []].append(lease.epoch)
        default: break
        }
        return nil
    }

    /// Generations are random on each side. Two that were made by the same step stand for each other ever after.
    private mutating func learnGenerations(of key: SessionKey) async {
        guard let model = try? await sides[0].storage.session(key, SnapshotQuery()).record.generation,
            let storage = try? await sides[1].storage.session(key, SnapshotQuery()).record.generation
        else { return }
        sides[0].generations[key] = model
        sides[1].generations[key] = storage
        learn(storage, as: model)
    }

    private mutating func learnGenerations(of track: TrackLog.Key) async {
        var found: [Track] = []
        for side in sides {
            // Both are read, whatever the first says: reading may extend lives.
            let list = try? await side.storage.tracks(of: track.session, last: 0)
            found += list?.tracks.filter { TrackLog.Key(track.session, track: $0.name) == track } ?? []
        }
        guard found.count == 2 else { return }
        for index in sides.indices { sides[index].trackGenerations[track] = found[index].generation }
        trackExpiries += found.compactMap(\.expiresAt)
        learn(found[1].generation, as: found[0].generation)
    }

    private mutating func learn(_ storage: String, as model: String) {
        if names[storage] == nil, !names.values.contains(model) { names[storage] = model }
    }

    // MARK: - Steps on one side

    private func answer(to step: RandomStep, from side: Side, showing epoch: Int?) async -> RandomAnswer {
        do throws(StoreError) {
            return try await perform(step, on: side, epoch)
        } catch { return .failure(error.code, error.detail) }
    }

    /// The number that an epoch stands for.
    private func number(of epoch: RandomEpoch, _ key: SessionKey?) -> Int {
        switch epoch {
        case .unknown(let number): number
        case .recent(let distance): key.flatMap { epochs[$0]?.dropLast(distance).last } ?? 0
        }
    }

    private func perform(_ step: RandomStep, on side: Side, _ epoch: Int?) async throws(StoreError) -> RandomAnswer {
        let storage = side.storage
        switch step {
        case .clock, .compareAll, .showing: return .nothing
        case .create(let key, let draft):
            let (session, created) = try await storage.create(draft, at: key)
            return .session(session, created)
        case .session(let key, let query): return .session(try await storage.session(key, query), false)
        case .update(let key, let patch, let version):
            let current = try await storage.session(key, SnapshotQuery()).record.version
            return .session(try await storage.update(key, with: patch, expectedVersion: version.map { $0.distance + current }, epoch: epoch), false)
        case .touch(let key): return .session(try await storage.touch(key), false)
        case .delete(let key): return .flag(try await storage.delete(key, epoch: epoch))
        case .sessions(var query, let following):
            if following { query.after = position }
            return .sessions(try await storage.sessions(query))
        case .append(let key, let events, let expected, let name, let creating):
            let seq = try? await storage.session(key, SnapshotQuery()).record.lastSeq
            var drafts: [EventDraft] = []
            for event in events { drafts.append(try draft(event) { self.name($0, key, side) }) }
            let batch = EventBatch(
                drafts, expectedSeq: expected.map { max(0, $0.distance + (seq ?? 0)) }, idempotencyKey: name, createsSession: creating,
                epoch: epoch)
            return .receipt(try await storage.append(batch, to: key))
        case .events(let key, var query, let after, let before):
            query.after = after.map { cursor($0, offsets[key]) }
            query.before = before.map { cursor($0, offsets[key]) }
            return .page(try await storage.events(in: key, query))
        case .event(let key, let id): return .event(try await storage.event(name(id, key, side), in: key))
        case .window(let key, let id, let before, let after, let roles):
            return .window(try await storage.window(around: name(id, key, side), in: key, before: before, after: after, roles: roles))
        case .replace(let key, let id, let patch): return .event(try await storage.replace(name(id, key, side), in: key, with: patch, epoch: epoch))
        case .remove(let key, let id): return .event(try await storage.remove(id.map { name($0, key, side) }, in: key, epoch: epoch))
        case .clear(let key):
            try await storage.clear(key, epoch: epoch)
            return .nothing
        case .state(let scope): return .state(try await storage.state(scope))
        case .change(let scope, let changes): return .state(try await storage.change(scope, changes, epoch: epoch))
        case .changeAll(let key, let delta): return .seen(try await storage.change(key, delta, epoch: epoch))
        case .acquire(let key, let request): return .lease(try await storage.acquireLease(request, on: key))
        case .renew(let key, let epoch, let ttl): return .lease(try await storage.renewLease(number(of: epoch, key), for: ttl, on: key))
        case .release(let key, let epoch):
            try await storage.releaseLease(number(of: epoch, key), on: key)
            return .nothing
        case .leaveLine(let key, let ticket):
            try await storage.leaveLine(ticket, on: key)
            return .nothing
        case .fork(let key, let place, let fork, let deleting, var draft):
            if deleting, fork != key { _ = try await storage.delete(fork, epoch: nil) }
            draft.at = place.map { cursor($0, offsets[key]) }
            return .session(try await storage.fork(key, draft, to: fork, epoch: epoch), true)
        case .rewind(let key, let place, let expected):
            let seq = try? await storage.session(key, SnapshotQuery()).record.lastSeq
            return .receipt(
                try await storage.rewind(
                    key, RewindDraft(to: cursor(place, offsets[key]), expectedSeq: expected.map { max(0, $0.distance + (seq ?? 0)) }, epoch: epoch)))
        case .lineage(let key): return .lineage(try await storage.lineage(of: key))
        case .summaries(let key): return .summaries(try await storage.summaries(of: key))
        case .summarize(let key, let filter, let seq):
            let claim = try await storage.claim(SummaryClaim(filter: filter, holder: "h", ttlMilliseconds: 1500, steals: true), of: key)
            _ = try await storage.put(
                SummaryDraft(filter: filter, text: "through \(seq)", boundary: Offset(milliseconds: 1, seq: seq)), of: key, claim: claim)
            return .summaries(try await storage.summaries(of: key))
        case .compare(let key, let other): return .comparison(try await storage.compare(key, with: other))
        case .appendTrack(let track, let events, let ttl):
            var drafts: [EventDraft] = []
            for event in events {
                drafts.append(try draft(event) { name($0, side.trackGenerations[track], side.trackIDs[track]) })
            }
            return .receipt(try await storage.append(TrackBatch(drafts, ttl: ttl, epoch: epoch), toTrack: track.track, of: track.session))
        case .tracks(let key, let last): return .tracks(try await storage.tracks(of: key, last: last))
        case .track(let track, var query, let place):
            query.after = place.map { cursor($0, trackOffsets[track]) }
            return .page(try await storage.events(ofTrack: track.track, of: track.session, query))
        case .deleteTrack(let track): return .flag(try await storage.deleteTrack(track.track, of: track.session, epoch: epoch))
        }
    }

    private func name(_ id: RandomID, _ key: SessionKey, _ side: Side) -> String { name(id, side.generations[key], side.ids[key]) }

    private func name(_ id: RandomID, _ generation: String?, _ given: [String]?) -> String {
        switch id {
        case .own(let text): text
        case .made(let seq): SessionRecord.madeID(generation: generation ?? "none", seq: seq)
        case .recent(let distance): given?.dropLast(distance).last ?? "none"
        }
    }

    private func draft(_ event: RandomEvent, _ name: (RandomID) -> String) throws(StoreError) -> EventDraft {
        try EventDraft(NewEvent(JSON(string: event.text), id: event.id.map(name), role: event.role, stateDelta: event.state))
    }

    private func cursor(_ place: RandomPlace, _ offsets: [Offset]?) -> Cursor {
        func given(_ index: Int) -> Offset? {
            guard let all = offsets, !all.isEmpty else { return nil }
            return all[index % all.count]
        }
        switch place {
        case .seq(let seq): return .seq(seq)
        case .given(let index): return given(index).map { .offset($0) } ?? .seq(0)
        case .wrong(let index, let milliseconds):
            return given(index).map { .offset(Offset(milliseconds: $0.milliseconds + milliseconds, seq: $0.seq)) } ?? .seq(index)
        }
    }
}

extension RandomStep {
    /// The session that a mutation changes.
    fileprivate var session: SessionKey? {
        switch self {
        case .update(let key, _, _), .delete(let key), .append(let key, _, _, _, _), .replace(let key, _, _), .remove(let key, _), .clear(let key),
            .changeAll(let key, _), .change(.session(let key), _), .fork(let key, _, _, _, _), .rewind(let key, _, _):
            key
        case .appendTrack(let track, _, _), .deleteTrack(let track): track.session
        default: nil
        }
    }

    /// The session that the step may have created.
    fileprivate var maker: SessionKey? {
        switch self {
        case .create(let key, _): key
        case .append(let key, _, _, _, true): key
        case .fork(_, _, let key, _, _): key
        default: nil
        }
    }
}
