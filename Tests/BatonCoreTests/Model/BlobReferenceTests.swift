import BatonTesting
import Testing

@testable import BatonCore

@Suite("References to contents")
struct BlobReferenceTests {
    private let digest = BlobDigest(of: Array("abc".utf8))

    @Test("a digest is the SHA-256 of the bytes, and nothing else is one")
    func digests() {
        // FIPS 180-4, examples.
        #expect(digest.description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(BlobDigest(of: []).description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(BlobDigest(digest.description) == digest)
        for text in [
            "", String(digest.description.dropLast()), digest.description + "0", digest.description.uppercased(), String(repeating: "g", count: 64),
        ] {
            #expect(BlobDigest(text) == nil, "\(text)")
        }
    }

    @Test(
        "a body gives its content away and gets it back, byte for byte",
        arguments: [
            NewEvent(JSON(string: "text")), NewEvent(.null, role: "r"), NewEvent(JSON(string: ""), stateDelta: ["a": JSON(string: "b")]),
            NewEvent(
                .emptyObject, author: "a", role: "r", type: "t", branch: "b", invocation: "i", isPartial: true, stateDelta: ["k": .null],
                usage: .emptyObject, metadata: .emptyObject),
        ])
    func bodies(_ event: NewEvent) throws {
        let draft = try EventDraft(event)
        let apart = draft.apart()
        #expect(apart.blob == Blob(event.content.bytes))
        #expect(BlobReference(inBody: draft.body) == nil)
        #expect(BlobReference(inBody: apart.body) == apart.blob?.reference)
        #expect(try JSON(apart.body.bytes) == apart.body)
        #expect(apart.body["content"] == nil)
        #expect(apart.body.joined(with: event.content.bytes) == draft.body)
        #expect(draft.body.referring(to: Blob(event.content.bytes).reference) == apart.body)
        #expect(apart.apart() == apart)
        #expect(EventBatch([draft], idempotencyKey: "k").apart(over: 0).fingerprint == EventBatch([draft], idempotencyKey: "k").fingerprint)
    }

    @Test("bytes that are no reference are none, and never end the process")
    func damaged() throws {
        let body = #"{"blob":{"sha256":"\#(digest)","bytes":3},"role":"r"}"#
        #expect(BlobReference(inBody: JSON(checked: Array(body.utf8))) == BlobReference(digest: digest, count: 3))
        let whole = Array(body.utf8)
        let end = body.utf8.count - #","role":"r"}"#.utf8.count
        for length in 0...end { #expect(BlobReference(inBody: JSON(checked: Array(whole[..<length]))) == nil) }
        for text in [
            body.replacing("sha256", with: "sha512"), body.replacing(":3", with: ":x"), body.replacing(":3", with: ":"),
            body.replacing(":3", with: ":9999999999999999999999"),
            body.replacing("\(digest)", with: digest.description.uppercased()), body.replacing("blob", with: "glob"), " " + body, "null", "[]", "",
        ] { #expect(BlobReference(inBody: JSON(checked: Array(text.utf8))) == nil, "\(text)") }
    }

    @Test("pages of contents end where their bytes do")
    func pages() async throws {
        let clock = ManualClock()
        let store = LargeContent(on: ReferenceModel(policy: StorePolicy(blobThreshold: 1000), clock: clock.now))
        let key = try SessionKey(app: "a", user: "u", id: "s")
        // Of four contents the third is the one that exceeds the bound.
        let content = JSON(string: String(repeating: "x", count: EventQuery.maximumBytes / 5 * 2))
        let event = try EventDraft(NewEvent(content))
        _ = try await store.append(EventBatch([event, event, event, event], createsSession: true), to: key)
        let first = try await store.events(in: key, EventQuery())
        #expect(first.events.map(\.seq) == [1, 2, 3])
        #expect(first.events.allSatisfy { $0.body == event.body })
        #expect(!first.upToDate)
        let second = try await store.events(in: key, EventQuery(after: first.next.map { .offset($0) }))
        #expect(second.events.map(\.seq) == [4])
        #expect(second.upToDate)
        let newest = try await store.events(in: key, EventQuery(order: .desc))
        #expect(newest.events.map(\.seq) == [4, 3, 2])
        let rest = try await store.events(in: key, EventQuery(before: newest.next.map { .offset($0) }, order: .desc))
        #expect(rest.events.map(\.seq) == [1])
        #expect(try await store.events(in: key, EventQuery(blobs: .reference)).events.count == 4)
        let many = try EventDraft(NewEvent(content, id: "many"))
        _ = try await store.append(EventBatch(Array(repeating: event, count: 7) + [many]), to: key)
        let snapshot = await #expect(throws: StoreError.self) { _ = try await store.session(key, SnapshotQuery(events: 11)) }
        #expect(snapshot?.code == .tooLarge)
        #expect(try await store.session(key, SnapshotQuery(events: 9)).events.count == 9)
        let window = await #expect(throws: StoreError.self) { _ = try await store.window(around: "many", in: key, before: 20, after: 0, roles: []) }
        #expect(window?.code == .tooLarge)
    }
}
