import BatonTesting

@testable import BatonCore

/// A made-up history: messages, tool rounds whole and torn, pieces, notices, system messages at the front and in between.
struct RandomTranscript {
    let events: [Event]

    init(seed: UInt64, count: Int) throws {
        var random = SplitMix64(seed: seed)
        var events: [Event] = []
        var open: [String] = []
        func add(_ content: String, role: String?, type: String? = nil, isPartial: Bool = false) throws {
            let draft = try EventDraft(NewEvent(JSON(parsing: content), role: role, type: type, isPartial: isPartial))
            let seq = events.count + 1
            events.append(Event(id: "\(seq)", seq: seq, time: Timestamp(milliseconds: 1000 + seq), body: draft.body))
        }
        func text(_ words: Int) -> String { "\"\(String(repeating: "word ", count: words))\"" }
        for _ in 0..<Int.random(in: 0...3, using: &random) { try add(text(5), role: "system") }
        while events.count < count {
            let words = Int.random(in: 1...40, using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<5: try add(text(words), role: "user")
            case 5..<9: try add(text(words), role: "assistant")
            case 9..<13:
                let ids = (0..<Int.random(in: 1...3, using: &random)).map { "call-\(events.count)-\($0)" }
                let calls = ids.map { #"{"id":"\#($0)","type":"function","function":{"name":"f","arguments":"{}"}}"# }
                try add(#"{"role":"assistant","tool_calls":[\#(calls.joined(separator: ","))]}"#, role: "assistant")
                open += ids
            case 13..<18 where !open.isEmpty:
                let id = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                try add(#"{"role":"tool","tool_call_id":"\#(id)","content":\#(text(words))}"#, role: "tool")
            case 13: try add(#"{"role":"tool","tool_call_id":"nobody-asked","content":"x"}"#, role: "tool")
            case 14: try add(text(words), role: "system")
            case 15: try add(text(words), role: "assistant", isPartial: true)
            case 16: try add(#"{"key":"pay"}"#, role: nil, type: Approval.askedType)
            // A worker was lost: what it had called is never answered.
            case 17: open = []
            default: try add(text(words), role: "assistant")
            }
            // Rounds end within a few events, as they do.
            if open.count > 4 { open.removeFirst() }
        }
        self.events = events
    }

    /// What a model may see of it besides system messages.
    var conversation: [Event] { WholeTranscript(events.filter { !$0.isSystemMessage && !$0.isPartial && $0.role != nil }).events }
    var system: [Event] { events.filter(\.isSystemMessage) }
}
