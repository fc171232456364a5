import Baton
import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Tracks over HTTP", .timeLimit(.minutes(1)))
struct TracksTests {
    @Test("a track is made by its first append, read, listed and deleted")
    func life() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        let track = session + "/tracks/a%2Fb%20c"
        let first = await test.call(.post, track, #"{"id":"1","type":"trace","content":{"n":1.0}}"#)
        #expect(first.status == 201 && first.seqs == [1])
        let again = await test.call(.post, track, #"[{"id":"1","content":2}]"#)
        #expect(again.status == 200 && again.json["events"]?.elements?[0]["duplicate"]?.description == "true")
        #expect(await test.call(.post, track, #"[{"content":2},{"content":3}]"#).seqs == [2, 3])
        let page = await test.call(.get, track + "?limit=2")
        #expect(page.contents == [#"{"n":1.0}"#, "2"])
        #expect(page.json["upToDate"]?.description == "false")
        let next = try #require(page.json["next"]?.stringValue)
        #expect(await test.call(.get, track + "?after=\(next)").contents == ["3"])
        #expect(await test.call(.get, track + "?after=now").contents == [])
        #expect(await test.call(.get, track + "?since=2001-01-01T00:00:00Z").contents.count == 3)
        let list = await test.call(.get, session + "/tracks?events=1").json["tracks"]?.elements ?? []
        #expect(list.count == 1 && list[0]["name"]?.stringValue == "a/b c" && list[0]["count"]?.intValue == 3)
        #expect(list[0]["events"]?.elements?.map { $0["seq"]?.intValue } == [3])
        #expect(await test.call(.get, session + "/tracks").json["tracks"]?.elements?[0]["events"] == nil)
        #expect(await test.call(.delete, track, headers: ["Prefer": "return=representation"]).status == 200)
        #expect(await test.call(.delete, track).status == 204)
        #expect(await test.call(.get, track).contents == [])
        #expect(await test.call(.get, track + "?after=3").status == 410)
    }

    @Test("a session comes with its tracks when they are asked for")
    func withSession() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        for number in 1...3 { _ = await test.call(.post, session + "/tracks/t", #"{"content":\#(number)}"#) }
        #expect(await test.call(.get, session).json["tracks"] == nil)
        #expect(await test.call(.get, session + "?tracks=false").json["tracks"] == nil)
        func tracks(_ query: String) async -> [JSON] { await test.call(.get, session + query).json["tracks"]?.elements ?? [] }
        #expect(await tracks("?tracks=true").map { $0["count"]?.intValue } == [3])
        #expect(await tracks("?tracks=2&events=5").first?["events"]?.elements?.map { $0["content"]?.description } == ["2", "3"])
        #expect(await test.call(.get, session + "?tracks=many").code == "invalid_parameter")
    }

    @Test(
        "what cannot be written to a track is refused, and says why",
        arguments: [
            (#"{"content":1,"stateDelta":{"k":1}}"#, "", 400, "invalid_field"), ("[]", "", 400, "invalid_field"),
            (#"{"contents":1}"#, "", 400, "unknown_field"), (#"{"content":1}"#, "?ttl=0", 400, "invalid_parameter"),
            (#"{"content":1}"#, "?create=true", 400, "invalid_parameter"),
        ])
    func invalid(_ body: String, _ query: String, _ status: Int, _ code: String) async throws {
        let test = try await TestAPI()
        let reply = await test.call(.post, try await test.session() + "/tracks/t" + query, body)
        #expect(reply.status == status && reply.code == code)
    }

    @Test("a lifetime of its own, the fence, and an absent session")
    func conditions() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        _ = await test.call(.post, session + "/tracks/t?ttl=60", #"{"content":1}"#)
        let track = try #require(await test.call(.get, session + "/tracks").json["tracks"]?.elements?.first)
        #expect(track["ttl"]?.intValue == 60 && track["expiresAt"]?.stringValue != nil)
        #expect(await test.call(.post, session + "/tracks/t", #"{"content":1}"#, headers: ["Baton-Epoch": "7"]).code == "fenced")
        #expect(await test.call(.delete, session + "/tracks/t", headers: ["Baton-Epoch": "7"]).code == "fenced")
        #expect(await test.call(.post, "\(TestAPI.base)/absent/tracks/t", #"{"content":1}"#).status == 404)
        #expect(await test.call(.get, "\(TestAPI.base)/absent/tracks").status == 404)
    }

    @Test("a remote library follows a track that others write")
    func remote() async throws {
        let live = try await LiveDaemon()
        try await live.append(1...1)
        let remote = try await SessionStore.open("http://\(live.daemon.addresses[0])")
        let track = try remote.session("s", user: "u", app: "a").track("t")
        let seen = Guarded<[Int]>([])
        let reader = Task {
            for try await event in track.follow() { seen.withLock { $0.append(event.seq) } }
        }
        for number in 1...5 {
            _ = try await live.send(.post, live.session + "/tracks/t", #"{"content":\#(number)}"#)
            while try await track.events(TrackQuery(after: .seq(number - 1))).events.isEmpty { await Task.yield() }
        }
        #expect(await eventually { seen.withLock { $0.count } >= 5 })
        #expect(seen.withLock { $0 } == Array(1...5))
        reader.cancel()
        await remote.close()
        await live.stop()
    }
}
