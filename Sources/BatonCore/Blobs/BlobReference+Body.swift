// Where a content is kept apart, the member `content` is missing from the event's body, and the body begins with another one:
// `{"blob":{"sha256":"…","bytes":123},"role":"tool",…}`. Its author cannot write that: the members of a body are written by the store, `content` is a value
// inside of one of them, and a member that is called `blob` is refused. So what a content looks like never matters.

extension BlobReference {
    private static let start = Array(#"{"blob":{"sha256":""#.utf8)
    private static let middle = Array(#"","bytes":"#.utf8)
    /// More digits than the largest content has.
    private static let maximumDigits = 12

    /// What a body refers to; `nil` when it has its content itself. O(1).
    package init?(inBody body: JSON) {
        let bytes = body.bytes
        let (start, middle) = (BlobReference.start, BlobReference.middle)
        let digits = start.count..<start.count + BlobDigest.digits
        guard bytes.count > digits.upperBound + middle.count, bytes.starts(with: start),
            let digest = BlobDigest(String(decoding: bytes[digits], as: UTF8.self)), bytes[digits.upperBound...].starts(with: middle)
        else { return nil }
        var count = 0
        var index = digits.upperBound + middle.count
        let first = index
        while index < bytes.count, index - first < BlobReference.maximumDigits, (0x30...0x39).contains(bytes[index]) {
            count = count * 10 + Int(bytes[index] - 0x30)
            index += 1
        }
        guard index > first, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "}") else { return nil }
        self.init(digest: digest, count: count)
    }

    /// What the value of a member `blob` says; `nil` for anything else.
    init?(_ value: JSON?) {
        guard let digest = value?["sha256"]?.stringValue.flatMap({ BlobDigest($0) }), let count = value?["bytes"]?.intValue, count >= 0 else {
            return nil
        }
        self.init(digest: digest, count: count)
    }
}

extension JSONWriter {
    /// The member that stands for a content which is kept apart. It comes first in a body.
    fileprivate mutating func member(_ reference: BlobReference) {
        name("blob")
        object { writer in
            writer.name("sha256")
            writer.string(reference.digest.description)
            writer.name("bytes")
            writer.int(reference.count)
        }
    }
}

extension JSON {
    /// A body without its content, referring to it. `content` is where the member stands, with the comma before it unless it is the first.
    func referring(to reference: BlobReference, insteadOf content: Range<Int>) -> JSON {
        var writer = JSONWriter(reserving: bytes.count - content.count + 128)
        writer.object { writer in
            writer.member(reference)
            writer.members(bytes[1..<max(1, content.lowerBound)])
            let rest = bytes[content.upperBound...].dropLast()
            writer.members(rest.first == UInt8(ascii: ",") ? rest.dropFirst() : rest)
        }
        return JSON(checked: writer.bytes)
    }

    /// A body without its content, wherever that stands, referring to it.
    func referring(to reference: BlobReference) -> JSON {
        var writer = JSONWriter(reserving: bytes.count)
        writer.object { writer in
            writer.member(reference)
            for (name, value) in members ?? [] where name != "content" { writer.member(name, value) }
        }
        return JSON(checked: writer.bytes)
    }

    /// The members of an event that stand behind its content.
    private static let afterContent: Set<String> = ["stateDelta", "usage", "metadata", "tracestate", "traceparent"]

    /// An event's body, or all of an event, with the content in its place instead of the reference to it.
    package func joined(with content: [UInt8]) -> JSON {
        var whole = JSONWriter(reserving: bytes.count + content.count)
        whole.object { whole in
            var isJoined = false
            func join() {
                guard !isJoined else { return }
                isJoined = true
                whole.name("content")
                whole.raw(content)
            }
            for (name, value) in members ?? [] where name != "blob" {
                if JSON.afterContent.contains(name) { join() }
                whole.member(name, value)
            }
            join()
        }
        return JSON(checked: whole.bytes)
    }
}

extension Event {
    /// The same event with this body.
    func with(body: JSON) -> Event { Event(id: id, seq: seq, time: time, editedAt: editedAt, body: body) }

    /// The same event with the content that it refers to.
    package func joined(with content: [UInt8]) -> Event { with(body: body.joined(with: content)) }
}
