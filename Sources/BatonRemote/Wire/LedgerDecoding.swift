internal import BatonCore

extension ToolCall {
    init(decoding value: JSON) throws(StoreError) {
        guard let key = value["key"]?.stringValue, let name = value["name"]?.stringValue, let arguments = value["arguments"],
            let status = value["status"]?.stringValue.flatMap({ Status(rawValue: $0) }), let attempt = value["attempt"]?.intValue,
            let created = value.time("createdAt"), let updated = value.time("updatedAt")
        else { throw WireError.incompatible("a tool call without all its fields") }
        self.init(
            key: key, name: name, arguments: arguments, status: status, attempt: attempt, holder: value["holder"]?.stringValue,
            heldUntil: value.time("heldUntil"), result: value["result"], error: value["error"], createdAt: created, updatedAt: updated)
    }
}

extension ToolCallPage {
    init(decoding value: JSON) throws(StoreError) {
        guard let elements = value["toolCalls"]?.elements else { throw WireError.incompatible("a page without tool calls") }
        var calls: [ToolCall] = []
        for element in elements { calls.append(try ToolCall(decoding: element)) }
        self.init(calls: calls, next: value["next"]?.stringValue)
    }
}

extension Approval {
    init(decoding value: JSON) throws(StoreError) {
        guard let key = value["key"]?.stringValue, let prompt = value["prompt"], let deciders = value["deciders"]?.elements,
            let status = value["status"]?.stringValue.flatMap({ Status(rawValue: $0) }), let created = value.time("createdAt")
        else { throw WireError.incompatible("an approval without all its fields") }
        self.init(
            key: key, prompt: prompt, deciders: deciders.compactMap(\.stringValue), expiresAt: value.time("expiresAt"), status: status,
            decision: value["decision"]?.stringValue, decidedBy: value["by"]?.stringValue, comment: value["comment"], createdAt: created,
            decidedAt: value.time("decidedAt"))
    }
}
