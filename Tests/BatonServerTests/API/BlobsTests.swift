import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Large contents over HTTP")
struct BlobsTests {
    private let large = JSON(string: String(repeating: "x", count: 200))
    private var digest: String { BlobDigest(of: large.bytes).description }

    private func filled() async throws -> (TestAPI, String) {
        let test = try await TestAPI(policy: StorePolicy(blobThreshold: 100))
        let session = try await test.session()
        let events = #"[{"id":"l","role":"user","content":\#(large),"metadata":{"m":1}},{"id":"s","content":"small"}]"#
        #expect(await test.call(.post, session + "/events", events).status == 201)
        return (test, session)
    }

    @Test("are whole unless references are asked for")
    func views() async throws {
        let (test, session) = try await filled()
        for address in [session + "/events?limit=10", session + "?events=10", session + "/events?view=log", session + "/events?view=model"] {
            #expect(await test.call(.get, address).contents == [large.description, #""small""#], "\(address)")
            #expect(await test.call(.get, address + "&blobs=whole").contents == [large.description, #""small""#], "\(address)")
        }
        let list = await test.call(.get, "\(TestAPI.base)?events=10").json["sessions"]?.elements?.first?["events"]?.elements
        #expect(list?.map { $0["content"]?.description } == [large.description, #""small""#])
        for address in [session + "/events?limit=10", session + "?events=10", session + "/events?view=log"] {
            let events = await test.call(.get, address + "&blobs=reference").json["events"]?.elements ?? []
            #expect(events.map { $0["content"]?.description } == [nil, #""small""#], "\(address)")
            #expect(events.first?["blob"]?.description == #"{"sha256":"\#(digest)","bytes":202}"#)
            #expect(events.first?["metadata"]?.description == #"{"m":1}"#)
        }
        let referred = await test.call(.get, "\(TestAPI.base)?events=10&blobs=reference").json["sessions"]?.elements?.first?["events"]?.elements
        #expect(referred?.first?["blob"]?["sha256"]?.stringValue == digest)
    }

    @Test("are read by their digest, as they were written")
    func one() async throws {
        let (test, session) = try await filled()
        let reply = await test.call(.get, "\(session)/blobs/\(digest)")
        #expect(reply.status == 200)
        #expect(reply.headers["Content-Type"] == "application/json")
        #expect(reply.bytes == large.bytes)
        #expect(await test.call(.get, "\(session)/blobs/\(String(repeating: "0", count: 64))").status == 404)
        #expect(await test.call(.get, "\(TestAPI.base)/absent/blobs/\(digest)").status == 404)
        #expect(await test.call(.get, "\(session)/blobs/short").code == "invalid_parameter")
        #expect(await test.call(.delete, "\(session)/events/l").status == 204)
        #expect(await test.call(.get, "\(session)/blobs/\(digest)").status == 404)
    }

    @Test("cannot be forged, nor left out where they are needed")
    func refusals() async throws {
        let (test, session) = try await filled()
        let forged = #"{"blob":{"sha256":"\#(digest)","bytes":202},"content":1}"#
        #expect(await test.call(.post, session + "/events", forged).code == "unknown_field")
        #expect(await test.call(.put, session + "/events/s", forged).code == "unknown_field")
        #expect(await test.call(.get, session + "/events?view=model&blobs=reference").code == "invalid_parameter")
        #expect(await test.call(.get, session + "/events?blobs=some").code == "invalid_parameter")
        let stream = await test.call(.get, session + "/events?blobs=reference", headers: ["Accept": "text/event-stream"])
        #expect(stream.code == "invalid_parameter")
        #expect(await test.call(.get, session + "/context?maxTokens=1000").contents.contains(large.description))
    }
}
