/// Rows in aligned columns, for a person.
struct Table {
    struct Column: Sendable {
        enum Alignment: Sendable { case left, right }

        let title: String
        var alignment = Alignment.left
    }

    let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row; missing cells are empty. Cells are made safe to show.
    mutating func add(_ cells: [String]) {
        rows.append(columns.indices.map { $0 < cells.count ? TerminalText.safe(cells[$0]) : "" })
    }

    var isEmpty: Bool { rows.isEmpty }

    /// All lines with their line breaks. Where `width` is given, the last column is cut to fit it.
    func rendered(width: Int? = nil, style: Style = Style(isColoured: false)) -> String {
        let widths = columns.indices.map { index in
            rows.reduce(DisplayWidth.of(columns[index].title)) { max($0, DisplayWidth.of($1[index])) }
        }
        let header = line(columns.map(\.title), widths, width)
        return ([style.bold(header)] + rows.map { line($0, widths, width) }).map { $0 + "\n" }.joined()
    }

    private func line(_ cells: [String], _ widths: [Int], _ width: Int?) -> String {
        var line = ""
        var used = 0
        for (index, cell) in cells.enumerated() {
            if index > 0 {
                line += "  "
                used += 2
            }
            let isLast = index == cells.count - 1
            var shown = cell
            if isLast, let width { shown = Self.cut(cell, to: max(8, width - used)) }
            let padding = String(repeating: " ", count: max(0, widths[index] - DisplayWidth.of(shown)))
            switch columns[index].alignment {
            case .left: line += isLast ? shown : shown + padding
            case .right: line += (isLast && width != nil ? "" : padding) + shown
            }
            used += widths[index]
        }
        return line
    }

    static func cut(_ text: String, to width: Int) -> String {
        guard DisplayWidth.of(text) > width else { return text }
        var result = ""
        var used = 0
        for character in text {
            let next = DisplayWidth.of(character)
            if used + next > width - 1 { break }
            result.append(character)
            used += next
        }
        return result + "…"
    }
}
