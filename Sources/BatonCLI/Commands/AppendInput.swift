internal import BatonCore
internal import BatonTelemetry

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The events that `baton append` is to store, as they come in.
struct AppendInput {
    /// Left to read, the next first.
    private var sources: ArraySlice<String>
    private var lines: LineReader?
    private var pending: [EventDraft]
    /// Found behind events that are still to be stored.
    private var failure: (any Error)?

    init(_ invocation: Invocation) throws {
        let files = invocation.arguments["FILE"] ?? []
        let fields = [AppendOptions.role, AppendOptions.author, AppendOptions.type, AppendOptions.id]
        if let content = invocation[AppendOptions.content] {
            guard files.isEmpty else { throw UsageError(message: "--content and files exclude each other", command: invocation.path.text) }
            let event = NewEvent(
                JSON(string: content), id: invocation[AppendOptions.id], author: invocation[AppendOptions.author],
                role: invocation[AppendOptions.role], type: invocation[AppendOptions.type])
            pending = [try EventDraft(event)]
            sources = []
            return
        }
        if let stray = fields.first(where: { invocation[$0] != nil }) {
            throw UsageError(
                message: "\(stray.declaration.longFlag) goes with --content; in a file each event says it itself", command: invocation.path.text)
        }
        pending = []
        sources = files.isEmpty ? ["-"] : files[...]
        if files.isEmpty, Terminal.isTerminal(0) {
            invocation.console.say("Reading events, one JSON object a line; Control-D ends. For one text: --content TEXT")
        }
    }

    /// The events of what can be read at once; nil at the end.
    mutating func next() throws -> [EventDraft]? {
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
            var drafts: [EventDraft] = []
            for (number, line) in found {
                do throws(StoreError) { drafts += try EventDraft.batch(parsing: line) } catch {
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
