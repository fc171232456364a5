import BatonCore
import Testing

@Suite("Event filters")
struct EventFilterTests {
    private func event(_ body: String, at milliseconds: Int = 100) throws -> Event {
        Event(id: "e", seq: 1, time: Timestamp(milliseconds: milliseconds), body: try JSON(parsing: body))
    }

    private func filter(_ change: (inout EventFilter) -> Void) -> EventFilter {
        var filter = EventFilter()
        change(&filter)
        return filter
    }

    @Test func `an empty filter matches everything`() throws {
        #expect(EventFilter().isEmpty)
        #expect(EventFilter().matches(try event(#"{"content":1}"#)))
        #expect(!filter { $0.roles = ["a"] }.isEmpty)
        #expect(!filter { $0.until = Timestamp(milliseconds: 0) }.isEmpty)
    }

    @Test func `each part matches its own field and no other`() throws {
        let event = try event(#"{"author":"a","role":"r","type":"t","branch":"b","content":{"role":"x"},"metadata":{"role":"y"}}"#)
        for (words, part) in [("r", 0), ("a", 1), ("t", 2), ("b", 3)].map({ ($0, $1) }) {
            for place in 0..<4 {
                let filter = filter { filter in
                    switch place {
                    case 0: filter.roles = [words]
                    case 1: filter.authors = [words]
                    case 2: filter.types = [words]
                    default: filter.branch = words
                    }
                }
                #expect(filter.matches(event) == (place == part))
            }
        }
        #expect(!filter { $0.roles = ["x"] }.matches(event))
        #expect(!filter { $0.roles = ["y"] }.matches(event))
    }

    @Test func `one of a list is enough, and all parts have to match`() throws {
        let event = try event(#"{"author":"a","role":"r","content":1}"#)
        #expect(filter { $0.roles = ["x", "r"] }.matches(event))
        #expect(filter { ($0.roles, $0.authors) = (["r"], ["a"]) }.matches(event))
        #expect(!filter { ($0.roles, $0.authors) = (["r"], ["b"]) }.matches(event))
        #expect(!filter { ($0.roles, $0.types) = (["r"], ["t"]) }.matches(event))
    }

    @Test func `a field that is missing matches no word`() throws {
        let event = try event(#"{"content":1}"#)
        #expect(!filter { $0.roles = [""] }.matches(event))
        #expect(!filter { $0.branch = "" }.matches(event))
        #expect(!filter { $0.types = ["null"] }.matches(event))
    }

    @Test func `words are compared as bytes, escapes resolved`() throws {
        #expect(filter { $0.roles = ["é"] }.matches(try event(#"{"role":"\u00e9","content":1}"#)))
        #expect(!filter { $0.roles = ["e\u{301}"] }.matches(try event(#"{"role":"\u00e9","content":1}"#)))
        #expect(!filter { $0.branch = "e\u{301}" }.matches(try event(#"{"branch":"é","content":1}"#)))
        #expect(!filter { $0.authors = ["A"] }.matches(try event(#"{"author":"a","content":1}"#)))
    }

    @Test func `since is with its moment, until without`() throws {
        let event = try event(#"{"content":1}"#, at: 100)
        for (since, until, matches) in [
            (100, nil, true), (101, nil, false), (nil, 100, false), (nil, 101, true), (100, 101, true), (99, 100, false), (101, 99, false),
        ] as [(Int?, Int?, Bool)] {
            let filter = filter { filter in
                filter.since = since.map(Timestamp.init(milliseconds:))
                filter.until = until.map(Timestamp.init(milliseconds:))
            }
            #expect(filter.matches(event) == matches)
        }
    }
}
