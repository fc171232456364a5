import BatonTesting
import Testing

@testable import BatonCore

@Suite("Writes that wait to be stored")
struct WriteLanesTests {
    private static func write(
        _ session: String, _ texts: String..., track: String? = nil, epoch: Int? = nil, creating: Bool = false, key: String? = nil
    ) throws -> QueuedWrite {
        try QueuedWrite(
            to: SessionKey(app: "a", user: "u", id: session), track: track,
            texts.map { try EventDraft(NewEvent(JSON(string: $0), id: $0)) }, createsSession: creating, epoch: epoch, idempotencyKey: key)
    }

    private static func lanes(_ configuration: WriteBehindConfiguration = WriteBehindConfiguration(), _ writes: QueuedWrite...) -> WriteLanes {
        var lanes = WriteLanes(configuration)
        for write in writes { add(write, to: &lanes) }
        return lanes
    }

    private static func add(_ write: QueuedWrite, to lanes: inout WriteLanes, at time: ContinuousClock.Instant = .now) {
        let hasRoom = lanes.reserve(WriteLanes.Size(write))
        #expect(hasRoom)
        lanes.add(write, place: nil, at: time)
    }

    private func texts(_ send: WriteLanes.Send?) -> [String]? { send?.write.events.compactMap(\.id) }

    private func require(_ send: WriteLanes.Send?) throws -> WriteLanes.Send { try #require(send) }

    private let away = StoreError(.storeUnavailable, "away")
    private let wrong = StoreError(.notFound, "no such session")

    @Test("of one session go together, in their order, and no second send of it begins before the first has ended")
    func oneAtATime() throws {
        var lanes = Self.lanes(WriteBehindConfiguration(), try Self.write("s", "1"), try Self.write("s", "2", "3"))
        let first = try require(lanes.next())
        #expect(texts(first) == ["1", "2", "3"])
        Self.add(try Self.write("s", "4"), to: &lanes)
        #expect(texts(lanes.next()) == nil)
        #expect(lanes.stored(first.key).map(\.number) == [1, 2])
        #expect(texts(lanes.next()) == ["4"])
    }

    @Test("of several sessions go out beside each other, the one that waited longest first, as many at once as there are workers")
    func besideEachOther() throws {
        var configuration = WriteBehindConfiguration()
        configuration.workers = 2
        var lanes = Self.lanes(configuration, try Self.write("s", "1"), try Self.write("t", "2"), try Self.write("u", "3"))
        let (first, second) = (lanes.next(), lanes.next())
        #expect([texts(first), texts(second)] == [["1"], ["2"]])
        #expect(texts(lanes.next()) == nil)
        _ = lanes.stored(try #require(second).key)
        #expect(texts(lanes.next()) == ["3"])
    }

    @Test("go together only when that changes nothing: same track, epoch and creation, no idempotency key, within the bounds")
    func joining() throws {
        let plain = try Self.write("s", "1")
        for other in [
            try Self.write("s", "2", track: "t"), try Self.write("s", "2", epoch: 7), try Self.write("s", "2", creating: true),
            try Self.write("s", "2", key: "k"),
        ] {
            for (first, second) in [(plain, other), (other, plain)] {
                var lanes = Self.lanes(WriteBehindConfiguration(), first, second)
                #expect(lanes.next()?.write == first)
            }
            var lanes = Self.lanes(WriteBehindConfiguration(), other, other)
            #expect(lanes.next()?.write.events.count == (other.idempotencyKey == nil ? 2 : 1))
        }
        var configuration = WriteBehindConfiguration()
        configuration.batchEvents = 3
        var lanes = Self.lanes(configuration, try Self.write("s", "1", "2"), try Self.write("s", "3"), try Self.write("s", "4"))
        #expect(texts(lanes.next()) == ["1", "2", "3"])
        configuration.batchEvents = 100
        configuration.batchBytes = 1
        lanes = Self.lanes(configuration, try Self.write("s", "1"), try Self.write("s", "2"))
        #expect(texts(lanes.next()) == ["1"])
    }

    @Test("rest after a failure that may pass, twice as long each time up to a bound, and go out again as they were, with what came since")
    func resting() throws {
        var lanes = Self.lanes(WriteBehindConfiguration(firstBackoff: .milliseconds(10), longestBackoff: .milliseconds(50)), try Self.write("s", "1"))
        var rests: [Duration] = []
        for attempt in 1...5 {
            let send = try require(lanes.next())
            guard case .rest(let pause, attempt: attempt) = lanes.refused(send.key, away, at: .now, chance: 0) else {
                Issue.record("it does not rest")
                return
            }
            rests.append(pause)
            #expect(texts(lanes.next()) == nil)
            // The end of an earlier rest is none of this one.
            lanes.resume(send.key, attempt: attempt - 1)
            #expect(texts(lanes.next()) == nil)
            Self.add(try Self.write("s", "more \(attempt)"), to: &lanes)
            #expect(texts(lanes.next()) == nil)
            lanes.resume(send.key, attempt: attempt)
        }
        #expect(rests == [10, 20, 40, 50, 50].map { .milliseconds($0) })
        let send = try require(lanes.next())
        #expect(texts(send) == ["1"] + (1...5).map { "more \($0)" })
        guard case .rest(let pause, _) = lanes.refused(send.key, away, at: .now, chance: 1) else {
            Issue.record("it does not rest")
            return
        }
        #expect(pause == .milliseconds(25), "chance takes up to half of a rest")
    }

    @Test("do not rest any longer when somebody needs them; those of others go on meanwhile")
    func hurrying() throws {
        var lanes = Self.lanes(WriteBehindConfiguration(), try Self.write("s", "1"), try Self.write("t", "2"))
        let key = try require(lanes.next()).key
        _ = lanes.refused(key, away, at: .now, chance: 0)
        #expect(texts(lanes.next()) == ["2"])
        lanes.hurry(key)
        #expect(texts(lanes.next()) == ["1"])
        // It is under way: there is nothing to hurry.
        lanes.hurry(key)
        #expect(texts(lanes.next()) == nil)
    }

    @Test("go one by one after a failure for good, so that only the one to blame fails")
    func apart() throws {
        var lanes = Self.lanes(WriteBehindConfiguration(), try Self.write("s", "1"), try Self.write("s", "bad"), try Self.write("s", "3"))
        let key = try require(lanes.next()).key
        Self.add(try Self.write("s", "4"), to: &lanes)
        guard case .apart = lanes.refused(key, wrong, at: .now, chance: 0) else {
            Issue.record("they do not go apart")
            return
        }
        #expect(texts(lanes.next()) == ["1"])
        #expect(lanes.stored(key).map(\.number) == [1])
        #expect(texts(lanes.next()) == ["bad"])
        guard case .failed(let entries) = lanes.refused(key, wrong, at: .now, chance: 0) else {
            Issue.record("it does not fail")
            return
        }
        #expect(entries.map(\.number) == [2])
        #expect(texts(lanes.next()) == ["3"])
        _ = lanes.stored(key)
        #expect(texts(lanes.next()) == ["4"])
        _ = lanes.stored(key)
        #expect(lanes.isIdle && lanes.events == 0 && lanes.bytes == 0)
    }

    @Test("fail for good when they have waited as long as they may and still cannot be stored; younger ones go on trying")
    func patience() throws {
        var lanes = WriteLanes(WriteBehindConfiguration(patience: .seconds(10)))
        let start = ContinuousClock.now
        Self.add(try Self.write("s", "old"), to: &lanes, at: start)
        Self.add(try Self.write("s", "young"), to: &lanes, at: start + .seconds(5))
        let key = try require(lanes.next()).key
        guard case .failed(let entries) = lanes.refused(key, away, at: start + .seconds(10), chance: 0) else {
            Issue.record("it does not fail")
            return
        }
        #expect(entries.map(\.number) == [1])
        #expect(texts(lanes.next()) == ["young"])
        guard case .rest = lanes.refused(key, away, at: start + .seconds(11), chance: 0) else {
            Issue.record("it does not rest")
            return
        }
    }

    @Test("get room up to the bounds, also while they are on their way into a lane; one that is larger than all the room gets it alone")
    func room() throws {
        var lanes = WriteLanes(WriteBehindConfiguration(maximumEvents: 3))
        let (two, one) = (try Self.write("s", "1", "2"), try Self.write("s", "3"))
        let large = try QueuedWrite(to: one.key, (0..<9).map { try EventDraft(NewEvent(.null, id: "\($0)")) })
        func reserve(_ write: QueuedWrite) -> Bool { lanes.reserve(WriteLanes.Size(write)) }
        #expect([reserve(two), reserve(two), reserve(one), reserve(one)] == [true, false, true, false])
        #expect(!lanes.isIdle)
        lanes.add(two, place: nil, at: .now)
        lanes.release(WriteLanes.Size(one))
        #expect([reserve(large)] == [false])
        _ = lanes.next()
        _ = lanes.stored(two.key)
        #expect(lanes.isIdle)
        #expect([reserve(large)] == [true])
        lanes = WriteLanes(WriteBehindConfiguration(maximumBytes: 2 * one.bytes))
        #expect([reserve(one), reserve(one), reserve(one)] == [true, true, false])
    }

    @Test("keep the order of every session and are each stored once, whatever happens by chance", arguments: 1...40 as ClosedRange<UInt64>)
    func anything(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var lanes = WriteLanes(WriteBehindConfiguration(workers: 3, batchEvents: 4))
        var accepted: [String: [String]] = [:]
        var stored: [String: [String]] = [:]
        var failed: [String] = []
        var underWay: [WriteLanes.Send] = []
        var rests: [(SessionKey, Int)] = []
        var count = 0
        for step in 0..<2000 {
            let isEnding = step >= 1500
            switch Int.random(in: 0..<6, using: &random) {
            case 0...1 where !isEnding:
                let session = "s\(Int.random(in: 0..<4, using: &random))"
                count += 1
                Self.add(try Self.write(session, "\(count)", epoch: Int.random(in: 0..<2, using: &random)), to: &lanes)
                accepted[session, default: []].append("\(count)")
            case 2:
                if let send = lanes.next() {
                    #expect(!underWay.contains { $0.key == send.key })
                    underWay.append(send)
                }
            case 3 where !underWay.isEmpty:
                let send = underWay.remove(at: Int.random(in: 0..<underWay.count, using: &random))
                stored[send.key.id, default: []] += send.write.events.compactMap(\.id)
                #expect(lanes.stored(send.key).flatMap { $0.write.events.compactMap(\.id) } == send.write.events.compactMap(\.id))
            case 4 where !underWay.isEmpty:
                let send = underWay.remove(at: Int.random(in: 0..<underWay.count, using: &random))
                // One in seven can never be stored.
                let isBad = send.write.events.contains { (Int($0.id ?? "") ?? 0).isMultiple(of: 7) }
                switch lanes.refused(send.key, isBad ? wrong : away, at: .now, chance: 0.5) {
                case .rest(_, let attempt): rests.append((send.key, attempt))
                case .apart: break
                case .failed(let entries): failed += entries.flatMap { $0.write.events.compactMap(\.id) }
                }
            case 5 where !rests.isEmpty:
                let (key, attempt) = rests.remove(at: Int.random(in: 0..<rests.count, using: &random))
                lanes.resume(key, attempt: attempt)
            default: continue
            }
        }
        for send in underWay {
            stored[send.key.id, default: []] += send.write.events.compactMap(\.id)
            _ = lanes.stored(send.key)
        }
        for (key, attempt) in rests { lanes.resume(key, attempt: attempt) }
        while let send = lanes.next() {
            stored[send.key.id, default: []] += send.write.events.compactMap(\.id)
            _ = lanes.stored(send.key)
        }
        #expect(lanes.isIdle && lanes.events == 0 && lanes.bytes == 0)
        #expect(count > 100 && !failed.isEmpty)
        for (session, ids) in accepted { #expect(stored[session, default: []] == ids.filter { !failed.contains($0) }) }
    }
}
