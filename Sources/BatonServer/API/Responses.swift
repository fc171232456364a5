internal import BatonCore
internal import BatonHTTP

extension Response {
    /// A JSON document.
    static func json(_ status: Status = 200, reserving capacity: Int = 512, headers: Headers = [:], _ write: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter(reserving: capacity)
        write(&writer)
        var headers = headers
        headers.add("Content-Type", "application/json")
        return Response(status, headers: headers, body: writer.bytes)
    }

    /// A JSON value as it is stored.
    static func json(_ status: Status = 200, _ value: JSON) -> Response {
        Response(status, headers: ["Content-Type": "application/json"], body: value.bytes)
    }

    /// A session with its version as entity tag, so that a change can be made conditional on it.
    static func session(_ status: Status = 200, _ snapshot: SessionSnapshot, withEvents: Bool = false, headers: Headers = [:]) -> Response {
        var headers = headers
        headers.add("ETag", "\"\(snapshot.record.version)\"")
        return json(status, reserving: 640 + snapshot.events.reduce(0) { $0 + $1.body.bytes.count + 160 }, headers: headers) {
            $0.session(snapshot, withEvents: withEvents)
        }
    }

    /// An event.
    static func event(_ event: Event) -> Response {
        json(reserving: event.body.bytes.count + 160) { $0.event(event) }
    }

    /// What was accepted and is stored later.
    static func queued(_ append: QueuedAppend) -> Response {
        .json(202, headers: ["Preference-Applied": "respond-async"]) { writer in
            writer.object { writer in
                writer.name("events")
                writer.array { writer in
                    for id in append.ids {
                        writer.object { writer in
                            writer.name("id")
                            writer.string(id)
                        }
                    }
                }
            }
        }
    }

    static let noContent = Response(204)

    /// What a deletion answers to a client that wants to know whether anything was there.
    static func deletion(_ wasThere: Bool, _ call: Call) -> Response {
        guard wasThere, call.prefersRepresentation else { return .noContent }
        return .json { writer in
            writer.object { writer in
                writer.name("deleted")
                writer.bool(true)
            }
        }
    }

    /// How many.
    static func count(_ count: Int) -> Response {
        .json { writer in
            writer.object { writer in
                writer.name("count")
                writer.int(count)
            }
        }
    }
}
