internal import BatonCore
internal import BatonTelemetry

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension Invocation {
    /// The events that `baton append` is to store, as they come in.
    func appendInput() throws -> LineInput<EventDraft> {
        let files = arguments["FILE"] ?? []
        let fields = [AppendOptions.role, AppendOptions.author, AppendOptions.type, AppendOptions.id]
        if let content = self[AppendOptions.content] {
            guard files.isEmpty else { throw UsageError(message: "--content and files exclude each other", command: path.text) }
            let event = NewEvent(
                JSON(string: content), id: self[AppendOptions.id], author: self[AppendOptions.author], role: self[AppendOptions.role],
                type: self[AppendOptions.type])
            return LineInput([try EventDraft(event)])
        }
        if let stray = fields.first(where: { self[$0] != nil }) {
            throw UsageError(message: "\(stray.declaration.longFlag) goes with --content; in a file each event says it itself", command: path.text)
        }
        return LineInput(files, on: console, hint: "For one text: --content TEXT") { line throws(StoreError) in try EventDraft.batch(parsing: line) }
    }
}

/// Drafts that are read from lines, as they come in.
struct LineInput<Draft> {
    /// Left to read, the next first.
    private var sources: ArraySlice<String>
    private let parse: ([UInt8]) throws(StoreError) -> [Draft]
    private var lines: LineReader?
    private var pending: [Draft]
    /// Found behind drafts that are still to be stored.
    private var failure: (any Error)?

    /// Nothing but these.
    init(_ drafts: [Draft]) {
        pending = drafts
        sources = []
        parse = { _ in [] }
    }

    /// Those of the files, or of standard input when there are none.
    init(_ files: [String], on console: Console, hint: String, _ parse: @escaping ([UInt8]) throws(StoreError) -> [Draft]) {
        pending = []
        sources = files.isEmpty ? ["-"] : files[...]
        self.parse = parse
        if files.isEmpty, Terminal.isTerminal(0) { console.say("Reading events, one JSON object a line; Control-D ends. \(hint)") }
    }

    /// The drafts of what can be read at once; nil at the end.
    mutating func next() throws -> [Draft]? {
        if let failure { throw failure }
        if !pending.isEmpty {
            defer { pending = [] }
            return pending
        }
        while true {
            if lines == nil {
                guard let source = sources.popFirst() else { return nil }
                lines = try LineReader(source)
            }
            guard let found = try lines?.next() else {
                lines = nil
                continue
            }
            var drafts: [Draft] = []
            for (number, line) in found {
                do throws(StoreError) { drafts += try parse(line) } catch {
                    let place = "\(lines?.name ?? ""), line \(number): "
                    let error = StoreError(error.code, place + error.message, detail: error.detail)
                    guard !drafts.isEmpty else { throw error }
                    failure = error
                    return drafts
                }
            }
            if !drafts.isEmpty { return drafts }
        }
    }
}

/// Reads lines from a file or from standard input, as many at a time as are there. Waiting for input blocks the calling thread.
final class LineReader {
    /// What is read, for messages.
    let name: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var number = 0
    private var hasEnded = false

    /// An event of the largest content, and something around it.
    private static let maximumLine = EventDraft.maximumContentBytes * 2

    /// - Parameter path: of a file; `-` for standard input.
    init(_ path: String) throws {
        name = path == "-" ? "standard input" : TerminalText.quoted(path)
        descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(.notFound, "\(name) cannot be read: \(String(cString: strerror(errno)))") }
    }

    deinit { if descriptor > 2 { close(descriptor) } }

    /// Lines with their numbers, empty ones left out; nil at the end.
    func next() throws -> [(number: Int, line: [UInt8])]? {
        while !hasEnded {
            hasEnded = try !fill()
            let lines = takeLines()
            if !lines.isEmpty { return lines }
            guard buffer.count <= LineReader.maximumLine else {
                throw Failure(.badData, "\(name), line \(number + 1): longer than \(LineReader.maximumLine) bytes")
            }
        }
        return nil
    }

    /// Reads what is there; false at the end.
    private func fill() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(.badData, "\(name) cannot be read: \(String(cString: strerror(errno)))") }
            buffer.append(contentsOf: chunk[..<count])
            return count > 0
        }
    }

    private func takeLines() -> [(number: Int, line: [UInt8])] {
        var lines: [(Int, [UInt8])] = []
        var start = 0
        while start < buffer.count {
            guard let end = buffer[start...].firstIndex(of: 0x0A) ?? (hasEnded ? buffer.count : nil) else { break }
            number += 1
            let line = buffer[start..<end]
            if line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) { lines.append((number, Array(line))) }
            start = end + 1
        }
        buffer.removeFirst(min(start, buffer.count))
        return lines
    }
}
