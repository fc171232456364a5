internal import BatonCore
internal import BatonHTTP

/// The OpenAPI 3.1 document of a table of routes.
struct OpenAPIDocument {
    let bytes: [UInt8]

    init(_ routes: [Route]) {
        var writer = JSONWriter(reserving: 48 << 10)
        writer.object { writer in
            writer.name("openapi")
            writer.string("3.1.0")
            writer.name("info")
            writer.raw(OpenAPIDocument.info.utf8)
            writer.name("security")
            writer.raw(#"[{"bearer":[]},{}]"#.utf8)
            writer.name("paths")
            writer.object { writer in
                var order: [String] = []
                for route in routes where !order.contains(route.path) { order.append(route.path) }
                for path in order {
                    writer.name(path)
                    OpenAPIDocument.write(routes.filter { $0.path == path }, at: path, to: &writer)
                }
            }
            writer.name("components")
            writer.object { writer in
                writer.name("securitySchemes")
                writer.raw(#"{"bearer":{"type":"http","scheme":"bearer"}}"#.utf8)
                writer.name("responses")
                writer.raw(OpenAPIDocument.problemResponse.utf8)
                writer.name("schemas")
                writer.object { writer in
                    for schemas in [OpenAPISchemas.json, OpenAPISchemas.topics] { writer.members(schemas.utf8.dropFirst().dropLast()) }
                }
            }
        }
        bytes = writer.bytes
    }

    private static func write(_ routes: [Route], at path: String, to writer: inout JSONWriter) {
        writer.object { writer in
            let variables = path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
            if !variables.isEmpty {
                writer.name("parameters")
                writer.array { writer in
                    for variable in variables { parameter(String(variable), "path", "string", "A name of 1 to 256 bytes.", required: true, &writer) }
                }
            }
            for route in routes {
                writer.name(route.method.description.lowercased())
                writer.object { writer in operation(route, &writer) }
            }
        }
    }

    private static func operation(_ route: Route, _ writer: inout JSONWriter) {
        writer.name("operationId")
        writer.string(route.operation)
        writer.name("summary")
        writer.string(route.summary)
        if route.access == .open {
            writer.name("security")
            writer.raw("[]".utf8)
        }
        if !route.parameters.isEmpty {
            writer.name("parameters")
            writer.array { writer in
                for item in route.parameters { parameter(item.name, item.place, item.type, item.help, required: false, &writer) }
            }
        }
        if let request = route.request {
            writer.name("requestBody")
            writer.raw(##"{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/\##(request)"}}}}"##.utf8)
        }
        writer.name("responses")
        writer.object { writer in
            for (status, schema) in route.responses {
                writer.name(String(status))
                let reason = Status(status).reason
                guard let schema else {
                    let stream =
                        ["listenToSignals", "watchTopic"].contains(route.operation)
                        ? #","content":{"text/event-stream":{"schema":{"type":"string"}}}"# : ""
                    writer.raw(#"{"description":"\#(reason)"\#(stream)}"#.utf8)
                    continue
                }
                let isStream = ["readEvents", "readTrack", Route.readTopic].contains(route.operation)
                let stream = isStream ? #","text/event-stream":{"schema":{"type":"string"}}"# : ""
                writer.raw(
                    ##"{"description":"\##(reason)","content":{"application/json":{"schema":{"$ref":"#/components/schemas/\##(schema)"}}\##(stream)}}"##
                        .utf8)
            }
            writer.name("default")
            writer.raw(##"{"$ref":"#/components/responses/Problem"}"##.utf8)
        }
    }

    private static func parameter(
        _ name: String, _ place: String, _ type: String, _ help: String, required: Bool, _ writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.name("name")
            writer.string(name)
            writer.name("in")
            writer.string(place)
            if required {
                writer.name("required")
                writer.bool(true)
            }
            writer.name("description")
            writer.string(help)
            writer.name("schema")
            writer.object { writer in
                writer.name("type")
                writer.string(type)
            }
        }
    }

    private static let info = """
        {"title":"Baton","version":"\(Daemon.version)","summary":"The session layer for AI agents.",
        "license":{"name":"Apache-2.0","identifier":"Apache-2.0"}}
        """

    private static let problemResponse = """
        {"Problem":{"description":"What went wrong (RFC 9457).","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}}}
        """
}
