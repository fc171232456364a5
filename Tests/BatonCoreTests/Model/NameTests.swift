import BatonCore
import Testing

@Suite("Names")
struct NameTests {
    @Test(arguments: ["a", "\u{0}", ":{*}/%", "日本語", String(repeating: "x", count: 256), String(repeating: "😀", count: 64)])
    func `any text of 1 to 256 bytes is a name`(name: String) throws {
        let key = try SessionKey(app: name, user: name, id: name)
        #expect([key.app, key.user, key.id] == [name, name, name])
        #expect(try UserKey(app: name, user: name) == key.owner)
    }

    @Test func `an empty or too long name is refused, and the error says which`() throws {
        let long = String(repeating: "é", count: 128) + "x"
        func message(_ app: String, _ user: String, _ id: String) -> String? {
            let error = #expect(throws: StoreError.self) { try SessionKey(app: app, user: user, id: id) }
            #expect(error?.code == .invalidName)
            return error?.message
        }
        #expect(message("", "u", "s") == "app is empty; a name has 1 to 256 bytes")
        #expect(message("a", "", "s") == "user is empty; a name has 1 to 256 bytes")
        #expect(message("a", "u", "") == "session is empty; a name has 1 to 256 bytes")
        #expect(message(long, "u", "s") == "app has 257 bytes; a name has 1 to 256 bytes")
        #expect(message("a", long, "s") == "user has 257 bytes; a name has 1 to 256 bytes")
        #expect(message("a", "u", long) == "session has 257 bytes; a name has 1 to 256 bytes")
        #expect(throws: StoreError.self) { try UserKey(app: "", user: "u") }
        #expect(throws: StoreError.self) { try UserKey(app: "a", user: long) }
    }

    @Test func `keys are the same when their bytes are`() throws {
        let names = ["a", "A", "é", "e\u{301}", "E\u{301}", "\u{1E9B}\u{323}", "\u{1E9B}\u{323} ", "ﬁ", "fi", "Å", "\u{212B}", "A\u{30A}"]
        var keys: Set<SessionKey> = []
        var owners: Set<UserKey> = []
        for app in names {
            for user in names {
                #expect(owners.insert(try UserKey(app: app, user: user)).inserted)
                for id in names { #expect(keys.insert(try SessionKey(app: app, user: user, id: id)).inserted) }
            }
        }
        #expect(keys.count == names.count * names.count * names.count)
        for app in names {
            for id in names { #expect(keys.contains(try SessionKey(app: app, user: "é", id: id))) }
        }
        #expect(try SessionKey(app: "ab", user: "c", id: "d") != SessionKey(app: "a", user: "bc", id: "d"))
    }

    @Test func `hexadecimal text and bytes are one`() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hex.bytes(of: Hex.text(of: bytes)) == bytes)
        #expect(Hex.text(of: [0, 0x0F, 0xA0, 0xFF]) == "000fa0ff")
        #expect(Hex.bytes(of: "") == [])
        for text in ["0", "0g", "0F", "0x", "é"] { #expect(Hex.bytes(of: text) == nil) }
    }

    @Test func `generations and ids are made new each time`() {
        let generations = Set((0..<1000).map { _ in Randomness.generation() })
        #expect(generations.count == 1000)
        #expect(generations.allSatisfy { $0.utf8.count == 16 && Hex.bytes(of: $0) != nil })
        let ids = (0..<1000).map { Randomness.uuid7(at: Timestamp(milliseconds: 1_795_000_000_000 + $0)) }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == 1000)
        for id in ids {
            let groups = id.split(separator: "-", omittingEmptySubsequences: false)
            #expect(groups.map(\.utf8.count) == [8, 4, 4, 4, 12])
            #expect(groups[2].first == "7")
            #expect("89ab".contains(groups[3].first ?? "x"))
        }
    }
}
