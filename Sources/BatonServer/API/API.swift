internal import BatonCore
internal import BatonHTTP
internal import BatonTelemetry

/// The HTTP API: turns requests into calls of the store and results into responses.
final class API: Sendable {
    let store: SessionStore
    let access: Access
    let metrics: Metrics
    let logger: Logger
    private let router: Router
    private let document: [UInt8]

    init(store: SessionStore, access: Access, metrics: Metrics, logger: Logger) {
        self.store = store
        self.access = access
        self.metrics = metrics
        self.logger = logger
        router = Router(API.routes)
        document = OpenAPIDocument(API.routes).bytes
    }

    /// The same API on a store whose writes promise another durability.
    private init(_ other: API, on store: SessionStore) {
        self.store = store
        access = other.access
        metrics = other.metrics
        logger = other.logger
        router = other.router
        document = other.document
    }

    /// Every address that the daemon answers.
    static let routes: [Route] =
        Route.sessions + Route.branches + Route.events + Route.blobs + Route.leases + Route.state + Route.ledger
        + Route.tracks + Route.summaries + Route.context + Route.topics + Route.groups + Route.signals + Route.operations

    /// The OpenAPI document of ``routes``.
    var openAPIDocument: [UInt8] { document }

    /// Answers one request, in a span when there is a tracer or the caller is in one. Never throws: what goes wrong becomes a problem document.
    func respond(to request: Request) async -> Response {
        guard let span = RequestSpan(request, store.tracer) else { return await answer(request) }
        return await span.around { await answer(request) }
    }

    private func answer(_ request: Request) async -> Response {
        let id = request.headers["X-Request-ID"].flatMap(RequestID.init) ?? RequestID()
        var response: Response
        var route = "unmatched"
        do {
            try access.checkBrowser(request)
            if request.method == .options, request.headers["Access-Control-Request-Method"] != nil {
                response = .noContent
                route = "preflight"
            } else {
                response = try await dispatch(request, route: &route)
            }
        } catch {
            let problem = API.problem(error)
            if problem.status == 500 {
                logger.error("a request failed", ["request": .string(id.description), "route": .string(route), "error": .string("\(error)")])
            }
            response = problem.response
        }
        response.route = route
        response.requestID = id.description
        response.headers.add("X-Request-ID", id.description)
        if let origin = access.sharedOrigin(of: request) { API.share(&response, with: origin) }
        return response
    }

    private func dispatch(_ request: Request, route label: inout String) async throws -> Response {
        let components = try request.pathComponents()
        let match = router.match(request.method, components)
        guard case .route(let route, let variables) = match else {
            if case .wrongMethod(let allowed) = match {
                let names = allowed.map(\.description).joined(separator: ", ")
                var problem = Problem(405, "method_not_allowed", "this address answers \(names)")
                problem.headers.add("Allow", names)
                throw problem
            }
            throw Problem.notFound
        }
        label = route.path
        let grant = route.access == .open ? Grant.unlimited : try access.grant(for: request)
        let isPerApp = route.path.hasPrefix("/v1/apps/{app}")
        switch route.access {
        case .open: break
        case .read, .write:
            let user = route.path.hasPrefix("/v1/apps/{app}/users/{user}") ? variables[1] : nil
            if isPerApp, !grant.sees(app: variables[0], user: user) { throw Problem.notFound }
            // Topics, groups and signals belong to no app. Of sessions everybody may follow what is theirs; that call limits itself.
            if route.isOfTheBus, !grant.isOperator, route.operation != Route.readTopic { throw Problem.notFound }
            if route.access == .write, grant.isReadOnly { throw StoreError(.forbidden, "these credentials may only read") }
        case .operate: if !grant.isOperator { throw Problem.notFound }
        }
        let call = try Call(request, route: route, variables: variables, grant: grant)
        guard route.access == .write, let text = request.headers["Baton-Durability"] else { return try await route.handler(self, call) }
        let api = API(self, on: try store.with(durability: call.durability(text)))
        return try await route.handler(api, call)
    }

    /// Whether what a call appends may be accepted now and stored later. Who names a durability wants to be told when it is met.
    func mayQueue(_ call: Call) -> Bool {
        call.prefersAsynchrony && store.writesBehind && call.request.headers["Baton-Durability"] == nil
    }

    private static func problem(_ error: any Error) -> Problem {
        switch error {
        case let problem as Problem: problem
        case let error as StoreError: Problem(error)
        case let error as HTTPError: Problem(error)
        case is CancellationError: Problem(503, "store_unavailable", "the request was cancelled")
        default: Problem(500, "internal", "the daemon failed; its log says why")
        }
    }

    /// Lets a page of `origin` read the response (Fetch §3.2).
    private static func share(_ response: inout Response, with origin: String) {
        response.headers.add("Access-Control-Allow-Origin", origin)
        response.headers.add("Vary", "Origin")
        response.headers.add("Access-Control-Expose-Headers", "ETag, Location, Retry-After, X-Request-ID")
        if response.route == "preflight" {
            response.headers.add("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
            response.headers.add(
                "Access-Control-Allow-Headers",
                "Authorization, Baton-Durability, Baton-Epoch, Content-Type, If-Match, Idempotency-Key, Last-Event-ID, X-Request-ID, traceparent, tracestate"
            )
            response.headers.add("Access-Control-Max-Age", "600")
        }
    }
}
