import BatonCore
import Testing

@Suite("A transcript without half tool rounds") struct WholeTranscriptTests {
    /// Events in shorthand: `c:a,b` calls a and b, `r:a` answers a, anything else is text.
    private func stretch(_ words: String...) throws -> [Event] {
        var events: [Event] = []
        for (index, word) in words.enumerated() {
            let ids = word.dropFirst(2).split(separator: ",").map { #""\#($0)""# }
            let content =
                if word.hasPrefix("c:") {
                    "{\"tool_calls\":[\(ids.map { "{\"id\":\($0)}" }.joined(separator: ","))]}"
                } else if word.hasPrefix("r:") {
                    "[\(ids.map { "{\"type\":\"tool_result\",\"tool_use_id\":\($0)}" }.joined(separator: ","))]"
                } else {
                    "\"\(word)\""
                }
            let draft = try EventDraft(NewEvent(JSON(parsing: content)))
            events.append(Event(id: word, seq: index + 1, time: Timestamp(milliseconds: 1), body: draft.body))
        }
        return events
    }

    private func whole(_ words: String...) throws -> (kept: [String], dropped: [String]) {
        var events: [Event] = []
        for (index, word) in words.enumerated() {
            let event = try stretch(word)[0]
            events.append(Event(id: word, seq: index + 1, time: event.time, body: event.body))
        }
        let transcript = WholeTranscript(events)
        return (transcript.events.map(\.id), transcript.orphans.map(\.id))
    }

    @Test func wholeRoundsStay() throws {
        #expect(try whole("hi", "c:a,b", "r:b", "r:a", "bye") == (["hi", "c:a,b", "r:b", "r:a", "bye"], []))
        #expect(try whole("c:a", "r:a", "c:a", "r:a").dropped.isEmpty)
    }

    @Test func aCallWithoutResultIsLeftOut() throws {
        #expect(try whole("hi", "c:a", "bye") == (["hi", "bye"], ["c:a"]))
        #expect(try whole("c:a", "r:a", "c:a") == (["c:a", "r:a"], ["c:a"]))
    }

    @Test func aResultWithoutCallIsLeftOut() throws {
        #expect(try whole("r:a", "hi") == (["hi"], ["r:a"]))
        #expect(try whole("c:a", "r:a", "r:a ") == (["c:a", "r:a"], ["r:a "]))
        #expect(try whole("r:a", "c:a", "hi") == (["hi"], ["r:a", "c:a"]))
    }

    @Test func aRoundThatIsHalfAnsweredFallsApartAsAWhole() throws {
        #expect(try whole("hi", "c:a,b", "r:a", "bye") == (["hi", "bye"], ["c:a,b", "r:a"]))
        // What one event answers and calls at once ties rounds together.
        let transcript = WholeTranscript(try stretch("c:a,b", "r:a", "hi"))
        #expect(transcript.orphans.map(\.unansweredCalls) == [["b"], []])
        #expect(transcript.orphans.map(\.strayResults) == [[], ["a"]])
    }
}
