import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Branches over HTTP")
struct BranchesTests {
    @Test("a fork is a session with its address, its parent, and the history up to its place")
    func fork() async throws {
        let api = try await TestAPI()
        let session = try await api.session("main", #"{"title":"t","state":{"k":1}}"#)
        try await api.append(3, to: session)
        let made = await api.call(.post, session + "/fork", #"{"at":2,"id":"fork","state":{"k":null,"l":2}}"#)
        #expect(made.status == 201)
        #expect(made.headers["Location"] == "\(TestAPI.base)/fork")
        #expect(made.json["parent"]?["id"]?.stringValue == "main")
        #expect(made["title"] == #""t""#)
        #expect(made["state"] == #"{"l":2}"#)
        #expect(await api.call(.get, "\(TestAPI.base)/fork/events").contents == ["1", "2"])
        #expect(await api.call(.get, session).json["parent"]?.isNull == true)

        let unnamed = await api.call(.post, session + "/fork")
        #expect(unnamed.status == 201)
        #expect(unnamed.json["eventCount"]?.intValue == 3)
        let offset = try #require(made.json["tail"]?.stringValue)
        #expect(await api.call(.post, session + "/fork", #"{"at":"\#(offset)"}"#).status == 201)
        #expect(await api.call(.post, session + "/fork", #"{"id":"fork"}"#).code == "exists")
        #expect(await api.call(.post, session + "/fork", #"{"at":9}"#).code == "offset_gone")
        #expect(await api.call(.post, session + "/fork", #"{"at":-1}"#).code == "invalid_field")
        #expect(await api.call(.post, session + "/fork", #"{"att":1}"#).code == "unknown_field")
        #expect(await api.call(.post, session + "/fork", #"{"state":{"user:k":1}}"#).code == "invalid_field")
        #expect(await api.call(.post, "\(TestAPI.base)/none/fork").code == "not_found")
    }

    @Test("a rewind answers where its event stands; what it hides is in the log")
    func rewind() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        try await api.append(4, to: session)
        #expect(await api.call(.post, session + "/rewind", #"{"to":2}"#, headers: ["If-Match": "\"3\""]).status == 412)
        let receipt = await api.call(.post, session + "/rewind", #"{"to":2}"#, headers: ["If-Match": "\"4\""])
        #expect(receipt.status == 201)
        #expect(receipt.seqs == [5])
        #expect(await api.call(.get, session + "/events").contents == ["1", "2", #"{"to":2}"#])
        #expect(await api.call(.get, session + "/events?view=log").contents == ["1", "2", "3", "4", #"{"to":2}"#])
        #expect(await api.call(.get, session + "/events?view=all").code == "invalid_parameter")
        #expect(await api.call(.get, session + "/events?view=log", headers: ["Accept": "text/event-stream"]).code == "invalid_parameter")
        #expect(await api.call(.post, session + "/rewind", #"{}"#).code == "invalid_field")
        #expect(await api.call(.post, session + "/rewind", #"{"to":9}"#).code == "offset_gone")
    }

    @Test("lineage names ancestors and forks; two branches are compared")
    func lineage() async throws {
        let api = try await TestAPI()
        let session = try await api.session("main")
        try await api.append(3, to: session)
        #expect(await api.call(.post, session + "/fork", #"{"at":2,"id":"fork"}"#).status == 201)
        try await api.append(2, to: "\(TestAPI.base)/fork")
        let parents = await api.call(.get, session + "/lineage")
        #expect(parents.json["parent"]?.isNull == true)
        #expect(parents.json["forks"]?.elements?.map { $0["id"]?.stringValue } == ["fork"])
        let child = await api.call(.get, "\(TestAPI.base)/fork/lineage")
        #expect(child.json["parent"]?["session"]?.stringValue == "main")
        #expect(child.json["ancestors"]?.elements?.count == 1)
        let comparison = await api.call(.get, session + "/compare?with=fork")
        #expect(comparison["common"] == child.json["parent"]?["at"].map { "\($0)" })
        #expect(comparison["ahead"] == "1")
        #expect(comparison["behind"] == "2")
        #expect(await api.call(.get, session + "/compare").code == "invalid_parameter")
        #expect(await api.call(.get, session + "/compare?with=none").code == "not_found")
    }

    @Test("a branch that somebody else is writing is forked and rewound only by force")
    func fenced() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        try await api.append(2, to: session)
        let lease = await api.call(.post, session + "/lease", #"{"holder":"worker","ttl":60}"#)
        let epoch = try #require(lease.json["epoch"]?.intValue)
        #expect(await api.call(.post, session + "/fork").code == "busy")
        #expect(await api.call(.post, session + "/rewind", #"{"to":1}"#).code == "busy")
        #expect(await api.call(.post, session + "/rewind", #"{"to":1}"#, headers: ["Baton-Epoch": "\(epoch - 1)"]).code == "fenced")
        #expect(await api.call(.post, session + "/rewind", #"{"to":1}"#, headers: ["Baton-Epoch": "\(epoch)"]).status == 201)
        #expect(await api.call(.post, session + "/rewind", #"{"to":0,"force":true}"#).status == 201)
        #expect(await api.call(.post, session + "/fork", #"{"force":true}"#).status == 201)
    }
}
