import BatonCore
import Testing

@Suite("The tool calls that an event refers to") struct ToolReferencesTests {
    private func references(_ content: String, type: String? = nil, metadata: String? = nil) throws -> ToolReferences {
        let draft = try EventDraft(
            NewEvent(try JSON(parsing: content), type: type, metadata: try metadata.map { text throws(StoreError) in try JSON(parsing: text) }))
        return ToolReferences(of: Event(id: "e", seq: 1, time: Timestamp(milliseconds: 1), body: draft.body))
    }

    @Test(arguments: [
        (#"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f"}},{"id":"b"}]}"#, ["a", "b"], []),
        (#"{"role":"tool","tool_call_id":"a","content":"42"}"#, [], ["a"]),
        (#"{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}"#, ["a"], []),
        (#"{"type":"function_call_output","call_id":"a","output":"42"}"#, [], ["a"]),
        (#"{"type":"computer_call","call_id":"a"}"#, ["a"], []),
        (#"[{"type":"text","text":"hm"},{"type":"tool_use","id":"a","name":"f","input":{}}]"#, ["a"], []),
        (#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"tool_use","id":"x"}]}]}"#, [], ["a"]),
        (#"{"role":"model","parts":[{"functionCall":{"id":"a","name":"f"}},{"functionCall":{"id":"b","name":"g"}}]}"#, ["a", "b"], []),
        (#"{"parts":[{"function_response":{"id":"a","response":{}}}]}"#, [], ["a"]),
        (#"{"type":"ai","data":{"content":"","tool_calls":[{"name":"f","id":"a"}]}}"#, ["a"], []),
        (#"{"type":"tool","data":{"tool_call_id":"a"}}"#, [], ["a"]),
        (#"[{"type":"tool-call","toolCallId":"a"},{"type":"tool-result","toolCallId":"b"}]"#, ["a"], ["b"]),
    ])
    func messagesOfFrameworksAreUnderstood(_ content: String, _ calls: [String], _ results: [String]) throws {
        let references = try references(content)
        #expect(references.calls == calls)
        #expect(references.results == results)
    }

    @Test func anEventMaySayItItself() throws {
        #expect(try references(#""f(1)""#, type: "tool_call", metadata: #"{"toolCallId":"a"}"#).calls == ["a"])
        #expect(try references(#""42""#, type: "tool_result", metadata: #"{"toolCallId":"a"}"#).results == ["a"])
        #expect(try references(#""42""#, type: "note", metadata: #"{"toolCallId":"a"}"#).isEmpty)
    }

    @Test func textThatTalksOfToolsIsText() throws {
        #expect(try references(#""{\"tool_calls\":[{\"id\":\"a\"}]}""#).isEmpty)
        #expect(try references(#"{"text":"call the tool","tools":[{"type":"function","name":"f","id":"a"}]}"#).isEmpty)
        #expect(try references(#"{"tool_calls":"none","tool_call_id":7,"functionCall":[1]}"#).isEmpty)
        // What a tool gave may look like anything.
        #expect(try references(#"{"type":"function_call_output","call_id":"a","output":{"tool_calls":[{"id":"x"}]}}"#).calls.isEmpty)
    }
}
