internal import BatonHTTP

/// What a collector's answer means (OTLP 1.x, "OTLP/HTTP Response").
enum ExportAnswer: Equatable {
    /// It has the batch, but for so many spans that it did not want.
    case accepted(rejected: Int)
    /// It will never want this batch.
    case refused
    /// It may want it later; `wait` is what it asked for.
    case later(wait: Duration?)

    init(_ status: Status, headers: Headers, body: [UInt8]) {
        switch status.code {
        case 200..<300: self = .accepted(rejected: ExportAnswer.rejected(in: body))
        case 429, 502, 503, 504: self = .later(wait: headers["Retry-After"].flatMap(ExportAnswer.seconds))
        default: self = .refused
        }
    }

    /// No answer came.
    init(_ error: HTTPError) {
        switch error.code {
        case .unreachable, .timedOut, .connectionClosed: self = .later(wait: nil)
        default: self = .refused
        }
    }

    /// Only seconds: a date depends on two clocks, and the wait is bounded anyway.
    private static func seconds(_ text: String) -> Duration? {
        Int(text).flatMap { (0...86_400).contains($0) ? .seconds($0) : nil }
    }

    /// The number behind `"rejectedSpans":`, which may stand in quotes; 0 when there is none. The message beside it would have its quotes escaped.
    private static func rejected(in body: [UInt8]) -> Int {
        let name = Array(#""rejectedSpans""#.utf8)
        guard body.count <= 64 << 10, let found = body.firstRange(of: name) else { return 0 }
        var digits = body[found.upperBound...].drop { [0x20, 0x09, 0x0A, 0x0D, 0x3A, 0x22].contains($0) }
        var number = 0
        while let digit = digits.popFirst(), (0x30...0x39).contains(digit), number < 1_000_000 { number = number * 10 + Int(digit - 0x30) }
        return number
    }
}
