internal import BatonTelemetry

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Standard output and standard error: data goes to the one, everything else to the other.
///
/// Writing blocks when the reader is slow: that is the back-pressure a pipe asks for. Commands run on the main thread, so no
/// cooperative thread is held by it.
struct Console: Sendable {
    let output: Int32
    let error: Int32
    /// Tables on a terminal; NDJSON in pipes and where it is asked for.
    let format: Format
    let outputStyle: Style
    let errorStyle: Style
    /// Columns of the terminal, or nil where output is none.
    let width: Int?

    enum Format: Sendable { case table, ndjson }

    /// The reader of standard output is gone; not a mistake of anybody.
    struct BrokenPipe: Error {}

    init(json: Bool, output: Int32 = 1, error: Int32 = 2) {
        self.output = output
        self.error = error
        let isTerminal = Terminal.isTerminal(output)
        format = json || !isTerminal ? .ndjson : .table
        outputStyle = Style(isColoured: Terminal.wantsColour(output))
        errorStyle = Style(isColoured: Terminal.wantsColour(error))
        width = isTerminal ? Terminal.width(output) : nil
    }

    /// Writes text to standard output.
    func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// Writes bytes to standard output.
    func write(_ bytes: [UInt8]) throws {
        guard Self.writeAll(bytes, to: output) else { throw BrokenPipe() }
    }

    /// Writes one JSON value as a line of its own. Line breaks between its tokens become spaces; inside a JSON string none can stand
    /// (RFC 8259 section 7), so the value stays the same.
    func write(json value: [UInt8]) throws {
        var line = value
        for index in line.indices where line[index] == 0x0A || line[index] == 0x0D { line[index] = 0x20 }
        line.append(0x0A)
        try write(line)
    }

    /// Says something to the person, on standard error. That nobody reads it is no reason to fail.
    func say(_ text: String) { _ = Self.writeAll(Array((text + "\n").utf8), to: error) }

    /// Puts text on standard error as it is, without a line break.
    func draw(_ text: String) { _ = Self.writeAll(Array(text.utf8), to: error) }

    /// Says what went wrong, on standard error.
    func complain(_ text: String) { say(errorStyle.red("error: ") + text) }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return true }
            var offset = 0
            while offset < bytes.count {
                #if canImport(Glibc)
                let count = Glibc.write(descriptor, base + offset, bytes.count - offset)
                #else
                let count = Darwin.write(descriptor, base + offset, bytes.count - offset)
                #endif
                if count > 0 {
                    offset += count
                } else if count < 0, errno == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, -1)
                } else if count == 0 || errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}

extension Terminal {
    /// Columns of the terminal behind the descriptor; 80 where it does not say. `COLUMNS` counts first.
    static func width(_ descriptor: Int32) -> Int {
        if let text = getenv("COLUMNS"), let columns = Int(String(cString: text)), columns > 0 { return columns }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

enum ProcessEnvironment {
    /// The variables of this process.
    static var variables: [String: String] {
        var result: [String: String] = [:]
        #if canImport(Glibc)
        var next = environ
        #else
        var next = _NSGetEnviron().pointee
        #endif
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") { result[String(text[..<equals])] = String(text[text.index(after: equals)...]) }
            next += 1
        }
        return result
    }
}
