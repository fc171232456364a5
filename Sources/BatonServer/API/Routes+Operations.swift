internal import BatonCore
internal import BatonHTTP
internal import BatonTelemetry

extension Route {
    static let operations: [Route] = [
        .get("/healthz", "getHealth", "Whether the process answers.", access: .open, responses: [(200, "Health")]) { _, _ in healthy },
        .get("/readyz", "getReadiness", "Whether the store can be reached and written.", access: .open, responses: [(200, "Health")]) { api, _ in
            try await api.store.with(tracer: nil).checkHealth()
            return ready
        },
        .get("/metrics", "getMetrics", "Numbers for Prometheus.", access: .operate, responses: [(200, nil)]) { api, _ in
            Response(200, headers: ["Content-Type": Metrics.contentType], body: api.metrics.exposition())
        },
        .get("/openapi.json", "getDescription", "This API as an OpenAPI 3.1 document.", access: .open, responses: [(200, nil)]) { api, _ in
            Response(200, headers: ["Content-Type": "application/json"], body: api.openAPIDocument)
        },
        .get("/", "getConsole", "A page to look at sessions with.", access: .open, responses: [(200, nil)]) { _, _ in Console.response },
    ]

    private static let healthy = Response.json(200) { writer in
        writer.object { writer in
            writer.name("status")
            writer.string("ok")
        }
    }

    private static let ready = Response.json(200) { writer in
        writer.object { writer in
            writer.name("status")
            writer.string("ready")
        }
    }
}
