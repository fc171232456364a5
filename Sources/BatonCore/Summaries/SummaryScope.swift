/// Which events a summary is about: those of a branch of the conversation, or all.
///
/// A branch is a path, its parts divided by `/` or `.`: `research/web`. A scope takes the events of its branch, of those below it and of those above it, and
/// events without a branch: what an agent in the branch sees.
public struct SummaryScope: Hashable, Sendable {
    /// The branch; empty for the whole session.
    public let filter: String

    /// The whole session.
    public static let whole = SummaryScope(unchecked: "")
    /// What stands for the whole session where a name is needed, as in addresses.
    public static let wholeName = "*"

    private init(unchecked filter: String) { self.filter = filter }

    /// The scope of a filter.
    /// - Throws: ``StoreError/Code/invalidName`` when it is over 256 bytes, or the word for the whole session.
    public init(checking filter: String) throws(StoreError) {
        if !filter.isEmpty { _ = try Name.checked(filter, "the filter of a summary") }
        guard filter != SummaryScope.wholeName else {
            throw StoreError(.invalidName, "* stands for the whole session, whose filter is empty; no branch may be called that")
        }
        self.filter = filter
    }

    /// Whether it is the whole session.
    public var isWhole: Bool { filter.isEmpty }

    /// Whether an event in a branch, or in none, is part of it.
    public func contains(branch: String?) -> Bool {
        guard !filter.isEmpty, let branch, !branch.isEmpty else { return true }
        return SummaryScope.isSameOrBelow(branch, filter) || SummaryScope.isSameOrBelow(filter, branch)
    }

    /// Whether `path` is `ancestor` or lies below it.
    static func isSameOrBelow(_ path: String, _ ancestor: String) -> Bool {
        guard path.utf8.starts(with: ancestor.utf8) else { return false }
        guard let next = path.utf8.dropFirst(ancestor.utf8.count).first else { return true }
        return next == UInt8(ascii: "/") || next == UInt8(ascii: ".")
    }
}
