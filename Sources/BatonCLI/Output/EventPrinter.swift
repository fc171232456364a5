internal import BatonCore

/// Prints events: as they are in pipes, as a line each on a terminal.
struct EventPrinter {
    private let console: Console

    init(_ console: Console) { self.console = console }

    func print(_ event: Event) throws {
        switch console.format {
        case .ndjson:
            var writer = JSONWriter(reserving: event.body.bytes.count + 160)
            writer.event(event)
            try console.write(json: writer.bytes)
        case .table: try console.write(line(for: event) + "\n")
        }
    }

    /// `12  08:15:30  assistant  planner  tool.call  …`, cut to the width of the terminal.
    private func line(for event: Event) -> String {
        let style = console.outputStyle
        let time = event.time.description.dropFirst(11).prefix(8)
        var words = [event.role, event.author == event.role ? nil : event.author, event.type == "message" ? nil : event.type]
            .compactMap { $0.map { TerminalText.safe(String($0.prefix(64))) } }
        if event.editedAt != nil { words.append("edited") }
        let head = "\(event.seq)  \(time)  \(words.joined(separator: " "))"
        let room = max(16, (console.width ?? 120) - DisplayWidth.of(head) - 2)
        let gist = event.blob.map { "\($0.count) bytes, sha256 \($0.digest)" } ?? EventPrinter.gist(of: event.content, upTo: 4 * room)
        let content = Table.cut(TerminalText.safe(gist), to: room)
        return "\(style.dim("\(event.seq)  \(time)"))  \(colour(words.joined(separator: " "), event.role, style))  \(content)"
    }

    private func colour(_ text: String, _ role: String?, _ style: Style) -> String {
        switch role {
        case "user": style.green(text)
        case "assistant": style.cyan(text)
        case "tool": style.yellow(text)
        default: style.bold(text)
        }
    }

    /// The text that a content is about, or its JSON.
    static func gist(of content: JSON, upTo limit: Int) -> String {
        if let text = content.stringValue ?? content["text"]?.stringValue ?? content["content"]?.stringValue { return String(text.prefix(limit)) }
        let texts = (content["parts"] ?? content["content"] ?? content).elements?.compactMap { $0.stringValue ?? $0["text"]?.stringValue } ?? []
        if !texts.isEmpty { return String(texts.joined(separator: " ").prefix(limit)) }
        return String(decoding: content.bytes.prefix(limit), as: UTF8.self)
    }
}
