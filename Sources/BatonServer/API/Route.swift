internal import BatonHTTP

/// One row of the API: how it is called, who may call it, what it means, and the code that answers.
///
/// The table of routes is the only place that knows addresses. The router matches with it, the OpenAPI document is
/// written from it, and metrics are labelled by it, so that they cannot disagree.
struct Route: Sendable {
    /// What credentials a call needs.
    enum Access: Sendable {
        /// None: probes of the process.
        case open
        /// Any that may see the app and user of the address.
        case read
        /// Any that may see them and may write.
        case write
        /// Those that are limited to no app.
        case operate
    }

    /// A parameter of the query or a field of the head, for the document.
    struct Parameter: Hashable, Sendable {
        let name: String
        let place: String
        let type: String
        let help: String

        static func query(_ name: String, _ type: String = "string", _ help: String) -> Parameter {
            Parameter(name: name, place: "query", type: type, help: help)
        }

        static let asynchrony = header(
            "Prefer",
            "respond-async: answer 202 as soon as the events are accepted (RFC 7240 §4.1). They are in the daemon's spool then and stored soon, in their "
                + "order, before anything else that is asked of the session here. Not applied without a spool, nor with conditions or a durability.")

        static let preference = header("Prefer", "return=representation: answer 200 with what was deleted, 204 when it was not there.")

        static let durability = header(
            "Baton-Durability",
            "What the write has to survive: full or normal (SQLite), memory or wait:REPLICAS:TIME such as wait:1:500ms (Redis); as the store is "
                + "configured without. A write that is stored but not on so many replicas in time is 503 unconfirmed.")

        /// On everything that changes a session, and nowhere else.
        static let epoch = header("Baton-Epoch", "The epoch of the lease that the writer holds; 403 fenced when the lease is over.")

        static func header(_ name: String, _ help: String) -> Parameter {
            Parameter(name: name, place: "header", type: "string", help: help)
        }
    }

    typealias Handler = @Sendable (API, Call) async throws -> Response

    let method: Method
    /// The address, with `{name}` for what varies.
    let path: String
    /// A name for clients made from the document.
    let operation: String
    let summary: String
    let access: Access
    let parameters: [Parameter]
    /// The name of the schema of the request's body; `nil` when it has none.
    let request: String?
    /// Statuses of success, and the schema of each; `nil` for an empty body.
    let responses: [(status: Int, schema: String?)]
    let handler: Handler

    /// The components of the address.
    var components: [Substring] { path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { $0 } }

    /// Whether it is about topics, groups or signals.
    var isOfTheBus: Bool { path.hasPrefix("/v1/topics") || path.hasPrefix("/v1/signals") }

    static func get(
        _ path: String, _ operation: String, _ summary: String, access: Access = .read, parameters: [Parameter] = [],
        responses: [(status: Int, schema: String?)], _ handler: @escaping Handler
    ) -> Route {
        Route(
            method: .get, path: path, operation: operation, summary: summary, access: access, parameters: parameters, request: nil,
            responses: responses, handler: handler)
    }

    static func write(
        _ method: Method, _ path: String, _ operation: String, _ summary: String, parameters: [Parameter] = [], request: String? = nil,
        responses: [(status: Int, schema: String?)], _ handler: @escaping Handler
    ) -> Route {
        Route(
            method: method, path: path, operation: operation, summary: summary, access: .write, parameters: parameters + [.durability],
            request: request,
            responses: responses, handler: handler)
    }
}

/// Finds the route of a request: a tree of path components, a literal before a variable.
struct Router: Sendable {
    /// What an address led to.
    enum Match {
        case route(Route, variables: [String])
        /// The address exists, the method does not; these do.
        case wrongMethod(allowed: [Method])
        case nothing
    }

    private struct Node: Sendable {
        var literals: [String: Node] = [:]
        var variable: [Node] = []
        var routes: [Method: Route] = [:]

        mutating func add(_ route: Route, _ components: ArraySlice<Substring>) {
            guard let first = components.first else {
                routes[route.method] = route
                return
            }
            let rest = components.dropFirst()
            if first.hasPrefix("{") {
                if variable.isEmpty { variable.append(Node()) }
                variable[0].add(route, rest)
            } else {
                literals[String(first), default: Node()].add(route, rest)
            }
        }
    }

    private var root = Node()

    init(_ routes: [Route]) {
        for route in routes { root.add(route, route.components[...]) }
    }

    /// Looks up decoded components. A HEAD request goes where GET goes (RFC 9110 §9.3.2).
    func match(_ method: Method, _ components: [String]) -> Match {
        var variables: [String] = []
        var node = root
        for component in components {
            if let next = node.literals[component] {
                node = next
            } else if let next = node.variable.first {
                variables.append(component)
                node = next
            } else {
                return .nothing
            }
        }
        if let route = node.routes[method == .head ? .get : method] { return .route(route, variables: variables) }
        guard !node.routes.isEmpty else { return .nothing }
        var allowed = Array(node.routes.keys)
        if node.routes[.get] != nil { allowed.append(.head) }
        return .wrongMethod(allowed: allowed.sorted { $0.description < $1.description })
    }
}
