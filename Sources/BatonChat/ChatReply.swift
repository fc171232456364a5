internal import BatonCore

/// What a model answered: one object, or a stream of pieces from servers that stream whatever they are asked.
struct ChatReply {
    /// The words.
    var text = ""
    /// What they cost, as the server says it.
    var usage: JSON?

    /// Reads an answer.
    /// - Throws: ``BatonCore/StoreError/Code/summaryFailed`` when it is none; what stands in it is not repeated.
    init(_ body: [UInt8], isStream: Bool) throws(StoreError) {
        guard isStream else {
            let answer = try ChatReply.object(body)
            usage = ChatReply.usage(in: answer)
            text = try ChatReply.text(in: answer)
            return
        }
        var sawEnd = false
        // Pieces are whole lines: what the server did not end is a piece too.
        for line in body.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) where line.starts(with: "data:".utf8) {
            let data = line.dropFirst(5).drop { $0 == UInt8(ascii: " ") }
            if data.elementsEqual("[DONE]".utf8) {
                sawEnd = true
                break
            }
            let piece = try ChatReply.object(Array(data))
            usage = ChatReply.usage(in: piece) ?? usage
            guard let choice = piece["choices"]?.elements?.first else { continue }
            text += choice["delta"]?["content"]?.stringValue ?? choice["message"]?["content"]?.stringValue ?? ""
            if let reason = choice["finish_reason"]?.stringValue {
                try ChatReply.check(reason)
                sawEnd = true
            }
        }
        guard sawEnd else { throw StoreError(.summaryFailed, "the model's answer broke off") }
    }

    private static func usage(in answer: JSON) -> JSON? { answer["usage"].flatMap { $0.isObject ? $0 : nil } }

    private static func text(in answer: JSON) throws(StoreError) -> String {
        guard let choice = answer["choices"]?.elements?.first, let content = choice["message"]?["content"] else {
            throw StoreError(.summaryFailed, "the answer of the model's server has no choices[0].message.content")
        }
        if let reason = choice["finish_reason"]?.stringValue { try check(reason) }
        if let text = content.stringValue { return text }
        guard let parts = content.elements else { throw StoreError(.summaryFailed, "the model's answer is no text") }
        return parts.compactMap { $0["text"]?.stringValue }.joined()
    }

    /// Half a summary would stand for all of what it covers.
    private static func check(_ reason: String) throws(StoreError) {
        switch reason {
        case "length": throw StoreError(.summaryFailed, "the model's answer was cut off: it has a limit that the summary is over")
        case "content_filter": throw StoreError(.summaryFailed, "the model's server withheld the answer")
        default: break
        }
    }

    private static func object(_ bytes: [UInt8]) throws(StoreError) -> JSON {
        do throws(StoreError) { return try JSON(bytes) } catch {
            throw StoreError(.summaryFailed, "the answer of the model's server is no JSON", underlying: error)
        }
    }
}
