/// Finds lines in a growing buffer without looking at a byte twice.
///
/// RFC 9112 §2.2 lets a recipient take a lone LF as a line end. This one does not: two parties that disagree on where a line ends disagree
/// on where a message ends.
struct LineScanner: Sendable {
    /// Bytes from the start of the unfinished line that are known to hold no LF.
    private var scanned = 0

    enum Failure: Error {
        case tooLong
        case bareLineFeed
    }

    /// The next line, without its CRLF, or nil when it is not complete yet. The caller goes on two bytes after its end.
    ///
    /// Length is checked before content and by the same rule for complete and incomplete lines, so the outcome does not depend on how the
    /// bytes were split.
    mutating func next(in input: Span<UInt8>, from start: Int, atMost limit: Int) throws(Failure) -> Range<Int>? {
        guard let end = input.firstIndex(of: .lineFeed, in: start + scanned..<input.count) else {
            scanned = input.count - start
            if scanned > limit { throw .tooLong }
            return nil
        }
        scanned = 0
        if end - start + 1 > limit { throw .tooLong }
        guard end > start, input[end - 1] == .carriageReturn else { throw .bareLineFeed }
        return start..<end - 1
    }
}
