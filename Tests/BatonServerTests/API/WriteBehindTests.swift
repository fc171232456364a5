import BatonCore
import BatonHTTP
import BatonSQLite
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Prefer: respond-async")
struct WriteBehindTests {
    private let failures = Guarded<[WriteFailure]>([])

    private func opened(_ configuration: WriteBehindConfiguration = WriteBehindConfiguration()) async throws -> (TestAPI, UnreliableStorage) {
        let storage = UnreliableStorage(try await SQLiteStorage(at: .memory))
        let failures = failures
        let behind = try await WriteBehind(on: storage, configuration) { failure in failures.withLock { $0.append(failure) } }
        return (TestAPI(on: SessionStore(on: behind)), storage)
    }

    private let asynchrony: Headers = ["Prefer": "respond-async"]

    @Test("answers 202 with the ids before anything is stored; reads see it all the same")
    func accepted() async throws {
        let (test, storage) = try await opened()
        let session = try await test.session()
        storage.stall()
        let reply = await test.call(.post, session + "/events", #"[{"content":1},{"id":"mine","content":2}]"#, headers: asynchrony)
        #expect(reply.status == 202 && reply.headers["Preference-Applied"] == "respond-async")
        let ids = try #require(reply.json["events"]?.elements?.compactMap { $0["id"]?.stringValue })
        #expect(ids.count == 2 && ids[1] == "mine")
        async let page = test.call(.get, session + "/events")
        #expect(await eventually { storage.stalledCount == 1 })
        storage.release()
        #expect(await page.contents == ["1", "2"])
        #expect(await page.json["events"]?.elements?.compactMap { $0["id"]?.stringValue } == ids)
        let track = await test.call(.post, session + "/tracks/t", #"{"content":3}"#, headers: asynchrony)
        #expect(track.status == 202)
        #expect(await test.call(.get, session + "/tracks/t").contents == ["3"])
    }

    @Test("is not applied with a condition or a durability, nor where nothing is written behind")
    func notApplied() async throws {
        let (test, _) = try await opened()
        let session = try await test.session()
        for (field, value) in [("If-Match", "\"0\""), ("Baton-Durability", "full")] {
            var headers = asynchrony
            headers.add(field, value)
            let reply = await test.call(.post, session + "/events", #"{"content":1}"#, headers: headers)
            #expect(reply.status == 201 && reply.headers["Preference-Applied"] == nil, "\(field)")
        }
        let plain = try await TestAPI()
        let other = try await plain.session()
        #expect(await plain.call(.post, other + "/events", #"{"content":1}"#, headers: asynchrony).status == 201)
    }

    @Test("answers 429 when too much waits, and 400 for what could never be stored")
    func refused() async throws {
        let (test, storage) = try await opened(WriteBehindConfiguration(maximumEvents: 1, whenFull: .refuse))
        let session = try await test.session()
        storage.stall()
        #expect(await test.call(.post, session + "/events", #"{"content":1}"#, headers: asynchrony).status == 202)
        let reply = await test.call(.post, session + "/events", #"{"content":2}"#, headers: asynchrony)
        #expect(reply.status == 429 && reply.code == "too_many_requests" && reply.headers["Retry-After"] != nil)
        storage.release()
        #expect(await test.call(.post, session + "/events", #"{"contents":3}"#, headers: asynchrony).code == "unknown_field")
        #expect(await test.call(.get, session + "/events").contents == ["1"])
    }

    @Test("does not hide a store that is away behind an empty page")
    func away() async throws {
        let (test, storage) = try await opened()
        let session = try await test.session()
        storage.decide { _ in .refuse(StoreError(.storeUnavailable, "away")) }
        #expect(await test.call(.post, session + "/events", #"{"content":1}"#, headers: asynchrony).status == 202)
        #expect(await test.call(.get, session + "/events").code == "store_unavailable")
        storage.decide { _ in .none }
        #expect(await test.call(.get, session + "/events").contents == ["1"])
    }
}
