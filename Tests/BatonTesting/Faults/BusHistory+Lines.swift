extension BusHistory {
    /// One line of a process's history.
    public enum Line: Hashable, Sendable {
        /// A write was acknowledged.
        case written(Written)
        /// An event came.
        case handedOut(HandOut)
        /// Something is about to be said, or was heard: the same word twice, then.
        case said(Word)
        /// What should not happen.
        case error(String)

        /// As it stands in a file, with the line's end. Names have no blanks.
        public var text: String {
            switch self {
            case .written(let written): "written \(written.log) \(written.name) \(written.seq)\n"
            case .handedOut(let out):
                "handed-out \(out.group) \(out.consumer) \(out.id) \(out.token) \(out.name) \(out.asked ?? -1) \(out.answered)\n"
            case .said(let word):
                "said \(word.group) \(word.id) \(word.token) \(word.action.rawValue) \(word.asked) \(word.answered ?? -1) \(word.isDone ? 1 : 0)\n"
            case .error(let text): "error \(text.split(whereSeparator: \.isNewline).joined(separator: " "))\n"
            }
        }

        /// A line as it stands in a file; `nil` when it is none.
        public init?(_ text: Substring) {
            let words = text.split(separator: " ").map { String($0) }
            func number(_ index: Int) -> Int? { Int(words[index]) }
            switch (words.first, words.count) {
            case ("written", 4):
                guard let seq = number(3) else { return nil }
                self = .written(Written(log: words[1], name: words[2], seq: seq))
            case ("handed-out", 8):
                guard let token = number(4), let asked = number(6), let answered = number(7) else { return nil }
                self = .handedOut(
                    HandOut(
                        group: words[1], consumer: words[2], id: words[3], token: token, name: words[5], asked: asked < 0 ? nil : asked,
                        answered: answered))
            case ("said", 8):
                guard let token = number(3), let action = Word.Action(rawValue: words[4]), let asked = number(5), let answered = number(6) else {
                    return nil
                }
                self = .said(
                    Word(
                        group: words[1], id: words[2], token: token, action: action, asked: asked, answered: answered < 0 ? nil : answered,
                        isDone: words[7] == "1"))
            case ("error", 2...): self = .error(words.dropFirst().joined(separator: " "))
            default: return nil
            }
        }
    }

    /// Adds what one process wrote. A last line without an end was cut off by the process's death.
    public mutating func add(_ text: String) {
        var open: [Word: Word] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            switch Line(line) {
            case .written(let one)?: written.append(one)
            case .handedOut(let one)?: handOuts.append(one)
            case .said(let word)?:
                var question = word
                (question.answered, question.isDone) = (nil, false)
                open[question] = word
            case .error(let text)?: errors.append(text)
            case nil: errors.append("a line that nobody can read: \(line)")
            }
        }
        words += open.values
    }
}
