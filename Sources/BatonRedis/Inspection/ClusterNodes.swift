internal import BatonRedisClient

/// The nodes of a cluster as one of them sees it: CLUSTER NODES, a line for each.
package struct ClusterNodes: Sendable {
    package struct Node: Sendable, Equatable {
        package let id: String
        package let address: String
        package let flags: [String]
        /// The primary's id, of a replica.
        package let primary: String?
        package let isLinked: Bool
        /// How many slots it serves.
        package let slots: Int

        package var isPrimary: Bool { flags.contains("master") }
        /// Whether others cannot reach it: agreed on, or suspected by the one that was asked.
        package var isDown: Bool { flags.contains("fail") || flags.contains("fail?") || flags.contains("noaddr") || !isLinked }
    }

    package let nodes: [Node]

    package init(_ text: String) {
        nodes = text.split(whereSeparator: \.isNewline).compactMap { line in
            let parts = line.split(separator: " ").map(String.init)
            guard parts.count >= 8 else { return nil }
            let flags = parts[2].split(separator: ",").map(String.init)
            // A node that is being met is no member yet.
            guard !flags.contains("handshake") else { return nil }
            return Node(
                id: parts[0], address: String(parts[1].prefix { $0 != "@" && $0 != "," }), flags: flags, primary: parts[3] == "-" ? nil : parts[3],
                isLinked: parts[7] == "connected" || flags.contains("myself"), slots: parts.dropFirst(8).reduce(0) { $0 + ClusterNodes.count($1) })
        }
    }

    /// How many slots a range such as `0-5460` or `42` has; one that moves, `[42-<-id]`, is counted where it is.
    private static func count(_ range: String) -> Int {
        guard !range.hasPrefix("[") else { return 0 }
        let ends = range.split(separator: "-").compactMap { Int($0) }
        guard let first = ends.first, let last = ends.last, first <= last, last < HashSlot.count else { return 0 }
        return last - first + 1
    }

    /// How many of the 16,384 slots are served by a node that is up.
    package var coverage: Int { nodes.filter { $0.isPrimary && !$0.isDown }.reduce(0) { $0 + $1.slots } }

    package func replicas(of node: Node) -> [Node] { nodes.filter { $0.primary == node.id } }
}
