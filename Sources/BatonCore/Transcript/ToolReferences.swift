/// The tool calls that an event makes, and those that it answers, in the words of the common frameworks.
///
/// Understood are messages of OpenAI's chat and responses APIs, of Anthropic's messages API, of Gemini and the Agent Development Kit, of LangChain and of
/// the AI SDK, bare or inside `message`, `content`, `parts` or `data`; and an event's own `metadata.toolCallId` with the type `tool_call` or `tool_result`.
public struct ToolReferences: Hashable, Sendable {
    /// The ids of calls that the event makes.
    public private(set) var calls: [String] = []
    /// The ids of calls that the event answers.
    public private(set) var results: [String] = []

    /// Whether the event has nothing to do with tools.
    public var isEmpty: Bool { calls.isEmpty && results.isEmpty }

    /// What an event refers to.
    public init(of event: Event) {
        let body = event.body.bytes
        // Most events are plain text; a look at the bytes spares them the parsing.
        guard ToolReferences.mayRefer(body) else { return }
        if let id = event.metadata?["toolCallId"]?.stringValue {
            if event.type == "tool_call" { calls.append(id) }
            if event.type == "tool_result" { results.append(id) }
        }
        take(event.content, depth: 0)
    }

    /// How deep messages are looked for inside each other.
    private static let maximumDepth = 6
    /// Members that hold messages or their parts.
    private static let containers = ["content", "parts", "message", "data", "kwargs", "additional_kwargs", "output", "messages"]

    private mutating func take(_ value: JSON, depth: Int) {
        guard depth < ToolReferences.maximumDepth else { return }
        if let elements = value.elements {
            for element in elements { take(element, depth: depth + 1) }
            return
        }
        guard let members = value.members else { return }
        func member(_ names: String...) -> JSON? { members.first { names.contains($0.name) }?.value }
        let type = member("type")?.stringValue ?? ""
        if let id = member("tool_use_id")?.stringValue { return add(\.results, id) }
        if type == "tool_use", let id = member("id")?.stringValue { return add(\.calls, id) }
        if let id = member("call_id")?.stringValue {
            // Items of the responses API: `function_call` and `function_call_output`, `computer_call` and so on.
            if type.hasSuffix("_output") { return add(\.results, id) }
            if type.hasSuffix("_call") { return add(\.calls, id) }
        }
        if let id = member("tool_call_id", "toolCallId")?.stringValue {
            if type == "tool-call" { return add(\.calls, id) }
            return add(\.results, id)
        }
        for call in member("tool_calls", "toolCalls")?.elements ?? [] {
            if let id = call["id"]?.stringValue ?? call["toolCallId"]?.stringValue { add(\.calls, id) }
        }
        if let id = member("functionCall", "function_call")?["id"]?.stringValue { add(\.calls, id) }
        if let id = member("functionResponse", "function_response")?["id"]?.stringValue { add(\.results, id) }
        for (name, value) in members where ToolReferences.containers.contains(name) { take(value, depth: depth + 1) }
    }

    private mutating func add(_ list: WritableKeyPath<ToolReferences, [String]>, _ id: String) {
        if !self[keyPath: list].contains(where: { Name.isSame($0, id) }) { self[keyPath: list].append(id) }
    }

    /// Whether bytes contain `tool`, `call_id` or `unction`: every spelling above has one of them.
    static func mayRefer(_ bytes: [UInt8]) -> Bool {
        let span = bytes.span
        func has(_ word: StaticString, at index: Int) -> Bool {
            guard index + word.utf8CodeUnitCount <= span.count else { return false }
            return word.withUTF8Buffer { word in word.indices.allSatisfy { span[index + $0] == word[$0] } }
        }
        for index in span.indices {
            switch span[index] {
            case UInt8(ascii: "t") where has("tool", at: index): return true
            case UInt8(ascii: "c") where has("call_id", at: index): return true
            case UInt8(ascii: "u") where has("unction", at: index): return true
            default: continue
            }
        }
        return false
    }
}
