import Foundation
import Testing

@testable import BatonHTTP

/// The cases of `Cases/requests.json`.
struct RequestCase: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let answers: [String]

    var testDescription: String { name }

    static let all: [RequestCase] = {
        guard let url = Bundle.module.url(forResource: "requests", withExtension: "json", subdirectory: "Cases"),
            let data = try? Data(contentsOf: url), let root = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let cases = root["cases"] as? [[String: Any]]
        else { return [] }
        return cases.compactMap { item in
            guard let name = item["name"] as? String, let text = item["request"] as? String, let answers = item["answers"] as? [Any],
                let bytes = expandingRuns(text).data(using: .isoLatin1)
            else { return nil }
            return RequestCase(name: name, bytes: [UInt8](bytes), answers: answers.map { "\($0)" })
        }
    }()

    /// Writes out `<a*500>`.
    private static func expandingRuns(_ text: String) -> String {
        text.replacing(/<(.)\*([0-9]+)>/) { match in String(repeating: String(match.1), count: Int(match.2) ?? 0) }
    }
}

/// Feeds a parser as a connection would, and writes down what it would answer.
struct ParserTrace {
    private var parser: RequestParser
    private var pending: [UInt8] = []
    private(set) var answers: [String] = []
    private(set) var requests: [Request] = []
    private var closed = false

    init(limits: Limits = Limits()) { parser = RequestParser(limits: limits) }

    mutating func feed(_ bytes: some Collection<UInt8>) {
        guard !closed else { return }
        pending.append(contentsOf: bytes)
        while !closed {
            var consumed = 0
            do {
                let input = pending
                let step = try parser.parse(input.span, consumed: &consumed)
                pending.removeFirst(consumed)
                switch step {
                case .needsMore: return
                case .expectsContinue: answers.append("100")
                case .request(let request, let keepAlive):
                    answers.append("200")
                    requests.append(request)
                    if !keepAlive { close() }
                }
            } catch {
                answers.append(error.status.map { "\($0.code)" } ?? "no status: \(error)")
                close()
            }
        }
    }

    private mutating func close() {
        answers.append("close")
        closed = true
    }

    static func whole(_ bytes: [UInt8]) -> ParserTrace {
        var trace = ParserTrace()
        trace.feed(bytes)
        return trace
    }
}
