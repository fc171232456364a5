/// Writes commands as the bytes a server reads, straight into one buffer.
///
/// A command's arguments are written as they come; their number is put in front when the command ends, so nobody has to count them
/// or to collect them first.
public struct RESPEncoder: Sendable {
    /// The bytes written so far.
    public internal(set) var bytes: [UInt8] = []
    /// Where the command being written begins.
    private var start = 0
    private var arguments = 0

    /// Makes an empty encoder.
    public init() {}

    /// Room for `*9\r\n`. A command of ten or more arguments moves its bytes once to make room for the longer header.
    private static let headerRoom = 4

    /// Begins a command. Everything until ``endCommand()`` belongs to it.
    mutating func beginCommand() {
        start = bytes.count
        arguments = 0
        bytes.append(contentsOf: Self.shortHeader)
    }

    private static let shortHeader: [UInt8] = Array("*0\r\n".utf8)

    /// Ends a command by putting the number of its arguments in front.
    mutating func endCommand() {
        if arguments < 10 {
            bytes[start + 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: arguments)
            return
        }
        var header: [UInt8] = [UInt8(ascii: "*")]
        header.reserveCapacity(16)
        Decimal.append(Int64(arguments), to: &header)
        header.append(UInt8(ascii: "\r"))
        header.append(UInt8(ascii: "\n"))
        bytes.replaceSubrange(start..<start + Self.headerRoom, with: header)
    }

    /// Forgets the command being written.
    mutating func abandonCommand() {
        bytes.removeLast(bytes.count - start)
    }

    /// Writes one whole command.
    mutating func write(_ command: some RedisCommand) {
        beginCommand()
        command.encode(into: &self)
        endCommand()
    }

    private mutating func header(length: Int) {
        arguments += 1
        bytes.append(UInt8(ascii: "$"))
        Decimal.append(magnitude: UInt64(length), to: &bytes)
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func lineEnd() {
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Appends bytes as the next argument.
    public mutating func append(_ value: [UInt8]) {
        header(length: value.count)
        bytes.append(contentsOf: value)
        lineEnd()
    }

    /// Appends bytes as the next argument.
    public mutating func append(_ value: ArraySlice<UInt8>) {
        header(length: value.count)
        bytes.append(contentsOf: value)
        lineEnd()
    }

    /// Appends a text as the next argument.
    public mutating func append(_ value: String) {
        var value = value
        value.withUTF8 { text in
            header(length: text.count)
            bytes.append(contentsOf: text)
        }
        lineEnd()
    }

    /// Appends a word of the protocol as the next argument.
    public mutating func append(_ word: StaticString) {
        header(length: word.utf8CodeUnitCount)
        word.withUTF8Buffer { bytes.append(contentsOf: $0) }
        lineEnd()
    }

    /// Appends a whole number as the next argument.
    public mutating func append(_ value: some FixedWidthInteger & SignedInteger) {
        let value = Int64(value)
        header(length: Decimal.digits(of: value.magnitude) + (value < 0 ? 1 : 0))
        Decimal.append(value, to: &bytes)
        lineEnd()
    }

    /// Appends a whole number without sign as the next argument.
    public mutating func append(_ value: UInt64) {
        header(length: Decimal.digits(of: value))
        Decimal.append(magnitude: value, to: &bytes)
        lineEnd()
    }

    /// Appends a floating-point number as the next argument, with every digit that tells it from its neighbours.
    public mutating func append(_ value: Double) {
        // Redis reads "inf" and "-inf" for sorted set bounds; Swift prints the same words.
        append(value.description)
    }

    /// Appends a key as the next argument.
    public mutating func append(_ key: RedisKey) {
        append(key.bytes)
    }

    /// Appends a value of any kind as the next argument.
    public mutating func append(_ value: RedisArgument) {
        switch value {
        case .bytes(let bytes): append(bytes)
        case .slice(let slice): append(slice)
        case .string(let text): append(text)
        case .integer(let number): append(number)
        case .double(let number): append(number)
        }
    }

    /// Appends each key as an argument of its own.
    public mutating func append(_ keys: [RedisKey]) {
        for key in keys { append(key.bytes) }
    }

    /// Appends each value as an argument of its own.
    public mutating func append(_ values: [RedisArgument]) {
        for value in values { append(value) }
    }
}
