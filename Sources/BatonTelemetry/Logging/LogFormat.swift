/// How a record becomes one line. A message cannot break out of its line or colour the terminal: control characters are escaped.
struct LogFormat: Sendable {
    enum Style: Sendable { case text(coloured: Bool), json }
    var style: Style

    /// A line longer than this is cut, in bytes.
    static let maximumLine = 16 * 1024

    func append(_ record: LogRecord, to line: inout [UInt8]) {
        let start = line.count
        switch style {
        case .text(let coloured): appendText(record, coloured: coloured, to: &line)
        case .json: appendJSON(record, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        guard line.count - start > Self.maximumLine else { return }
        line.removeSubrange(start...)
        append(Self.shortened(record), to: &line)
    }

    /// The same record with its texts cut so that it fits and stays well-formed, even where each byte takes six as an escape.
    private static func shortened(_ record: LogRecord) -> LogRecord {
        var short = record
        short.message = String(decoding: record.message.utf8.prefix(1024), as: UTF8.self)
        short.label = String(decoding: record.label.utf8.prefix(128), as: UTF8.self)
        short.metadata = ["cut": true]
        if case .string(let request)? = record.metadata["request"] {
            short.metadata["request"] = .string(String(decoding: request.utf8.prefix(128), as: UTF8.self))
        }
        return short
    }

    // MARK: Text

    private func appendText(_ record: LogRecord, coloured: Bool, to line: inout [UInt8]) {
        UTCTimestamp.append(record.milliseconds, to: &line)
        line.append(UInt8(ascii: " "))
        if coloured { line.append(contentsOf: record.level.colour.utf8) }
        let name = record.level.rawValue
        line.append(contentsOf: name.utf8)
        if coloured { line.append(contentsOf: "\u{1B}[0m".utf8) }
        for _ in name.utf8.count..<9 { line.append(UInt8(ascii: " ")) }
        if !record.label.isEmpty {
            JSONText.appendEscapingControls(of: record.label, to: &line)
            line.append(contentsOf: ": ".utf8)
        }
        JSONText.appendEscapingControls(of: record.message, to: &line)
        for entry in record.metadata.entries {
            line.append(UInt8(ascii: " "))
            if coloured { line.append(contentsOf: "\u{1B}[2m".utf8) }
            JSONText.appendEscapingControls(of: entry.key, to: &line)
            line.append(UInt8(ascii: "="))
            if coloured { line.append(contentsOf: "\u{1B}[0m".utf8) }
            appendTextValue(entry.value, to: &line)
        }
    }

    private func appendTextValue(_ value: Logger.Value, to line: inout [UInt8]) {
        // A plain word stands bare; anything that could be taken for something else is a JSON string.
        if case .string(let text) = value, !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 < 0x7F }) {
            line.append(contentsOf: text.utf8)
        } else {
            appendJSONValue(value, to: &line)
        }
    }

    // MARK: JSON

    private static let reserved: Set<String> = ["time", "level", "logger", "message"]

    private func appendJSON(_ record: LogRecord, to line: inout [UInt8]) {
        line.append(contentsOf: #"{"time":""#.utf8)
        UTCTimestamp.append(record.milliseconds, to: &line)
        line.append(contentsOf: #"","level":""#.utf8)
        line.append(contentsOf: record.level.rawValue.utf8)
        line.append(contentsOf: #"","logger":"#.utf8)
        JSONText.append(record.label, to: &line)
        line.append(contentsOf: #","message":"#.utf8)
        JSONText.append(record.message, to: &line)
        for entry in record.metadata.entries {
            line.append(UInt8(ascii: ","))
            JSONText.append(Self.reserved.contains(entry.key) ? "metadata." + entry.key : entry.key, to: &line)
            line.append(UInt8(ascii: ":"))
            appendJSONValue(entry.value, to: &line)
        }
        line.append(UInt8(ascii: "}"))
    }

    private func appendJSONValue(_ value: Logger.Value, to line: inout [UInt8]) {
        switch value {
        case .string(let text): JSONText.append(text, to: &line)
        case .int(let number): line.append(contentsOf: String(number).utf8)
        // RFC 8259 section 6 has no NaN and no infinities.
        case .double(let number) where !number.isFinite: JSONText.append(String(number), to: &line)
        case .double(let number): line.append(contentsOf: String(number).utf8)
        case .bool(let flag): line.append(contentsOf: (flag ? "true" : "false").utf8)
        case .list(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                appendJSONValue(value, to: &line)
            }
            line.append(UInt8(ascii: "]"))
        }
    }
}

extension Logger.Level {
    /// The ANSI colour of the level's name.
    fileprivate var colour: String {
        switch self {
        case .trace, .debug: "\u{1B}[2m"
        case .info: "\u{1B}[32m"
        case .notice: "\u{1B}[36m"
        case .warning: "\u{1B}[33m"
        case .error, .critical: "\u{1B}[1;31m"
        }
    }
}
