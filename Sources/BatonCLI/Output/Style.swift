/// Colours and weights, or nothing where they are not wanted.
struct Style: Sendable {
    let isColoured: Bool

    func bold(_ text: String) -> String { sequence("1", text) }
    func dim(_ text: String) -> String { sequence("2", text) }
    func red(_ text: String) -> String { sequence("31", text) }
    func green(_ text: String) -> String { sequence("32", text) }
    func yellow(_ text: String) -> String { sequence("33", text) }
    func cyan(_ text: String) -> String { sequence("36", text) }

    private func sequence(_ code: String, _ text: String) -> String { isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
}
