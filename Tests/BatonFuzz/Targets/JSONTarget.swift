@testable import BatonCore
@testable import BatonRemote

/// Reads bytes as JSON, as the body of every kind of request, and as what a daemon answers.
enum JSONTarget {
    static func run(_ bytes: [UInt8]) throws(Violation) {
        readBodies(bytes)
        guard let value = try? JSON(bytes) else { return }
        try check(value)
        readAnswers(value)
        try merge(value)
    }

    /// What was taken for JSON is JSON again, piece by piece.
    private static func check(_ value: JSON) throws(Violation) {
        try Violation.unless((try? JSON(value.bytes)) == value, "a value that was read is read again as itself")
        try Violation.unless(String(validating: value.bytes, as: UTF8.self) != nil, "what was taken for JSON is UTF-8")
        if let text = value.stringValue {
            try Violation.unless(JSON(string: text).stringValue.map { $0.utf8.elementsEqual(text.utf8) } == true, "a text is written as it was read")
        }
        for (_, member) in value.members ?? [] { try Violation.unless((try? JSON(member.bytes)) == member, "a member is a value") }
        for element in value.elements ?? [] { try Violation.unless((try? JSON(element.bytes)) == element, "an element is a value") }
    }

    /// RFC 7396: the result is JSON, and what a patch has changed it does not change again.
    private static func merge(_ value: JSON) throws(Violation) {
        guard let elements = value.elements, elements.count == 2 else { return }
        let merged = elements[0].merging(elements[1])
        // A value put into an object may end up one level deeper than what is read.
        guard let again = try? JSON(merged.bytes) else {
            throw Violation(description: "what was merged is JSON: \(merged)")
        }
        try Violation.unless(again.merging(elements[1]) == again, "merging a patch twice changes nothing: \(merged)")
    }

    private static func readBodies(_ bytes: [UInt8]) {
        for draft in (try? EventDraft.batch(parsing: bytes)) ?? [] { _ = EventBatch([draft]).fingerprint }
        _ = try? SessionDraft.parsing(bytes)
        _ = try? SessionPatch(parsing: bytes)
        _ = try? EventPatch(parsing: bytes)
        _ = try? StateChange.list(parsing: bytes)
        _ = try? LeaseRequest.parsing(bytes)
        _ = try? ForkDraft.parsing(bytes)
        _ = try? RewindDraft(parsing: bytes)
        _ = try? ToolReservation(parsing: bytes)
        _ = try? ToolOutcome.parsing(bytes)
        _ = try? ApprovalRequest(parsing: bytes)
        _ = try? ApprovalDecision(parsing: bytes)
        _ = try? TopicRetention(parsing: bytes)
        _ = try? GroupSettings.parsing(bytes)
        _ = try? ReceiveRequest(parsing: bytes)
        _ = try? DeadLetterSelection.parsing(bytes, emptyMeansAll: true)
        _ = try? SettlementRequest(parsing: bytes, as: nil)
        for action in SettlementRequest.Action.allCases { _ = try? SettlementRequest(parsing: bytes, as: action) }
        _ = try? TopicEventDraft.batch(parsing: bytes)
    }

    private static func readAnswers(_ value: JSON) {
        _ = try? Event(decoding: value.bytes)
        _ = try? EventPage(decoding: value.bytes)
        _ = try? EventWindow(decoding: value.bytes)
        _ = try? AppendReceipt(decoding: value.bytes)
        _ = try? TopicPage(decoding: value.bytes)
        _ = try? Topic(decoding: value)
        _ = try? ConsumerGroup(decoding: value)
        _ = try? ToolCall(decoding: value)
        _ = try? Approval(decoding: value)
    }
}
