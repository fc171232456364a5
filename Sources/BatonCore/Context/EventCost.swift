#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What one event costs in a context.
package struct EventCost {
    /// What models add for the frame of a message: its role and what separates it from the next.
    static let perMessage = 4

    private let counter: any TokenCounter
    private let imageTokens: Int

    init(_ counter: any TokenCounter, imageTokens: Int) {
        self.counter = counter
        self.imageTokens = imageTokens
    }

    /// The tokens of an event: what its author noted in `metadata.tokenCount`, or what the counter says of its content, and of its images what they are taken for.
    func tokens(of event: Event) -> Int {
        // Most events have neither; a look at the bytes spares them the parsing.
        if event.body.contains("tokenCount", by: 5), let noted = EventCost.noted(in: event.metadata) { return noted }
        return tokens(in: event.content)
    }

    private static func noted(in metadata: JSON?) -> Int? { metadata?["tokenCount"]?.intValue.flatMap { (0...1 << 40).contains($0) ? $0 : nil } }

    /// The tokens of a summary, which is shown as a message.
    func tokens(of summary: Summary) -> Int { max(0, counter.tokens(in: summary.text)) + EventCost.perMessage }

    private func tokens(in content: JSON) -> Int {
        guard content.mentionsImages else { return max(0, counter.tokens(in: content)) + EventCost.perMessage }
        var images = 0
        let text = EventCost.withoutImages(content, &images, depth: 0)
        return max(0, counter.tokens(in: text)) + images * imageTokens + EventCost.perMessage
    }

    /// Estimates for any model, as a store adds them up while events are appended.
    package static let standard = EventCost(TokenEstimate(), imageTokens: 1000)

    /// The tokens of an event that is being appended. Text costs one look at its bytes; only what has a structure is looked through for images.
    package func tokens(in content: JSON, metadata: JSON?) -> Int {
        if let noted = EventCost.noted(in: metadata) { return noted }
        guard content.bytes.first != UInt8(ascii: "\"") else { return counter.tokens(in: content) + EventCost.perMessage }
        return tokens(in: content)
    }

    /// How deep images are looked for inside each other's containers.
    private static let maximumDepth = 8

    /// The content with `null` in the place of each image: its bytes are no text.
    private static func withoutImages(_ value: JSON, _ images: inout Int, depth: Int) -> JSON {
        guard depth < maximumDepth, value.mentionsImages else { return value }
        var writer = JSONWriter(reserving: value.bytes.count)
        if let elements = value.elements {
            writer.array { writer in
                for element in elements { writer.raw(withoutImages(element, &images, depth: depth + 1).bytes) }
            }
            return JSON(checked: writer.bytes)
        }
        guard let members = value.members else { return value }
        if isImage(members) {
            images += 1
            return .null
        }
        writer.object { writer in
            for (name, member) in members { writer.member(name, withoutImages(member, &images, depth: depth + 1)) }
        }
        return JSON(checked: writer.bytes)
    }

    /// Whether an object is an image in the words of the common APIs: `image_url`, `input_image`, `image`, or inline data of an image type.
    private static func isImage(_ members: [(name: String, value: JSON)]) -> Bool {
        for (name, value) in members {
            switch name {
            case "type": if let type = value.stringValue, ["image", "image_url", "input_image"].contains(type) { return true }
            case "inlineData", "inline_data", "fileData", "file_data":
                if (value["mimeType"] ?? value["mime_type"])?.stringValue?.hasPrefix("image/") == true { return true }
            default: continue
            }
        }
        return false
    }
}

extension JSON {
    /// Whether there may be an image inside: each says so in its type, inline data in its media type.
    fileprivate var mentionsImages: Bool { contains("image", by: 3) }

    /// Whether the bytes contain a word, which is looked for by its letter at `rare`: the rarer that is, the faster.
    fileprivate func contains(_ word: StaticString, by rare: Int) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            word.withUTF8Buffer { word in
                guard bytes.count >= word.count, let start = bytes.baseAddress, let wanted = word.baseAddress else { return false }
                var place = start + rare
                let end = place + (bytes.count - word.count + 1)
                while place < end, let found = memchr(place, Int32(word[rare]), end - place) {
                    let letter = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
                    if memcmp(letter - rare, wanted, word.count) == 0 { return true }
                    place = letter + 1
                }
                return false
            }
        }
    }
}
