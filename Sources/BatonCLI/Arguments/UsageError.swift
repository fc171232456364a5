/// What is wrong with a command line, a variable or a configuration file, in words for the person who wrote it.
struct UsageError: Error, Equatable, CustomStringConvertible {
    let message: String
    /// The command whose help page explains more; nil for a configuration file.
    var command: String?

    var description: String {
        guard let command else { return message }
        return "\(message)\nSee: \(command) --help"
    }
}

enum Spelling {
    /// ", did you mean X?" for the nearest of the candidates, if one is near.
    static func suggestion(for text: String, among candidates: [String]) -> String {
        nearest(to: text, among: candidates).map { "; did you mean \($0)?" } ?? ""
    }

    /// The candidate with the fewest edits, if they are few for its length; the first among equals.
    static func nearest(to text: String, among candidates: [String]) -> String? {
        let text = text.lowercased()
        // A hostile argument may be long; nothing that long is a slip of the finger.
        guard text.utf8.count <= 64 else { return nil }
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(Array(text), Array(candidate.lowercased()))
            if distance <= max(1, candidate.count / 3), distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.candidate ?? candidates.first { text.count >= 3 && $0.lowercased().hasPrefix(text) }
    }

    /// Insertions, deletions, replacements and swaps of neighbours.
    static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var before: [Int] = []
        var previous = Array(0...right.count)
        for i in left.indices {
            var current = [i + 1]
            for j in right.indices {
                var cost = min(previous[j] + (left[i] == right[j] ? 0 : 1), previous[j + 1] + 1, current[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { cost = min(cost, before[j - 1] + 1) }
                current.append(cost)
            }
            before = previous
            previous = current
        }
        return previous[right.count]
    }
}
