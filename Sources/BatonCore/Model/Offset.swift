/// A place in a session's log: the server's milliseconds and the sequence number of an event.
///
/// Written `%016d_%016d`, so that offsets sort as text. Inside one session `seq` is 1, 2, 3… without holes, and
/// `milliseconds` never goes back, whatever the server's clock does.
public struct Offset: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The server's time, in milliseconds since 1970, when the event was accepted.
    public let milliseconds: Int
    /// The sequence number of the event, from 1.
    public let seq: Int

    /// The place before the first event of any session.
    public static let start = Offset(milliseconds: 0, seq: 0)

    /// An offset of two numbers, neither negative.
    public init(milliseconds: Int, seq: Int) {
        self.milliseconds = milliseconds
        self.seq = seq
    }

    /// Reads the text form. `nil` when `text` is not 16 digits, `_`, 16 digits.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        let parsed = text.withUTF8 { utf8 -> (Int, Int)? in
            guard utf8.count == 33, utf8[16] == UInt8(ascii: "_") else { return nil }
            var numbers = (0, 0)
            for index in 0..<16 {
                let high = utf8[index] &- 48
                let low = utf8[index + 17] &- 48
                guard high < 10, low < 10 else { return nil }
                // Sixteen digits stay below 2^63, so neither sum can overflow.
                numbers.0 = numbers.0 * 10 + Int(high)
                numbers.1 = numbers.1 * 10 + Int(low)
            }
            return numbers
        }
        guard let parsed else { return nil }
        self.init(milliseconds: parsed.0, seq: parsed.1)
    }

    /// Orders by sequence number, then by time.
    public static func < (a: Offset, b: Offset) -> Bool {
        a.seq != b.seq ? a.seq < b.seq : a.milliseconds < b.milliseconds
    }

    /// The text form: 16 digits, `_`, 16 digits.
    public var description: String {
        String(unsafeUninitializedCapacity: 33) { buffer in
            write(milliseconds, to: buffer, at: 0)
            buffer[16] = UInt8(ascii: "_")
            write(seq, to: buffer, at: 17)
            return 33
        }
    }

    private func write(_ number: Int, to buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        var rest = number
        for index in stride(from: start + 15, through: start, by: -1) {
            buffer[index] = UInt8(48 + rest % 10)
            rest /= 10
        }
    }
}

/// Where a reader stands in a session.
public enum Cursor: Hashable, Sendable {
    /// After the event with this sequence number; 0 is the start.
    case seq(Int)
    /// After this offset. Unlike a bare number it is checked against the log, so that a cursor of a session that was
    /// deleted and created again is noticed.
    case offset(Offset)

    /// Reads an offset or a decimal sequence number.
    /// - Throws: ``StoreError/Code/invalidCursor``.
    public init(_ text: String) throws(StoreError) {
        if let offset = Offset(text) {
            self = .offset(offset)
        } else if let seq = Int(text), seq >= 0, text.utf8.first != UInt8(ascii: "+") {
            self = .seq(seq)
        } else {
            throw StoreError(.invalidCursor, "a cursor is an offset (16 digits, _, 16 digits) or a sequence number")
        }
    }

    /// The sequence number it stands at.
    public var seq: Int {
        switch self {
        case .seq(let seq): seq
        case .offset(let offset): offset.seq
        }
    }
}
