internal import BatonCore
internal import BatonHTTP

/// One request on its way through the API: what was asked, by whom, and typed access to its parts.
struct Call: Sendable {
    let request: Request
    let route: Route
    /// The variable components of the address, in order.
    let variables: [String]
    let grant: Grant
    private let query: [Query.Item]

    init(_ request: Request, route: Route, variables: [String], grant: Grant) throws {
        self.request = request
        self.route = route
        self.variables = variables
        self.grant = grant
        query = try request.query().items
        for item in query where item.name != Access.queryToken && !route.parameters.contains(where: { $0.place == "query" && $0.name == item.name }) {
            let known = route.parameters.filter { $0.place == "query" }.map(\.name)
            throw StoreError(
                .invalidParameter,
                "the parameter \(item.name.prefix(64)) is not known here; \(known.isEmpty ? "there are none" : "allowed are: \(known.joined(separator: ", "))")"
            )
        }
        // A fence that is not checked would be worse than none: a writer would trust it.
        if request.headers["Baton-Epoch"] != nil, !route.parameters.contains(.epoch) {
            throw StoreError(.invalidParameter, "Baton-Epoch: nothing at this address is fenced by the lease of a session")
        }
    }

    // MARK: - Address

    func user() throws -> UserKey { try UserKey(app: variables[0], user: variables[1]) }

    func session() throws -> SessionKey { try SessionKey(app: variables[0], user: variables[1], id: variables[2]) }

    // MARK: - Query

    func text(_ name: String) throws -> String? {
        let values = query.filter { $0.name == name }
        guard values.count < 2 else { throw StoreError(.invalidParameter, "the parameter \(name) is given twice") }
        return values.first?.value
    }

    func int(_ name: String, in range: ClosedRange<Int>, default value: Int) throws -> Int {
        guard let text = try text(name) else { return value }
        guard let number = Int(text), range.contains(number), text.utf8.first != UInt8(ascii: "+") else {
            throw StoreError(.invalidParameter, "\(name) has to be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func bool(_ name: String) throws -> Bool {
        switch try text(name) {
        case nil, "false": false
        case "true", "": true
        default: throw StoreError(.invalidParameter, "\(name) has to be true or false")
        }
    }

    func time(_ name: String) throws -> Timestamp? {
        guard let text = try text(name) else { return nil }
        if let time = Timestamp(text) { return time }
        if let milliseconds = Int(text), milliseconds >= 0 { return Timestamp(milliseconds: milliseconds) }
        throw StoreError(.invalidParameter, "\(name) has to be an RFC 3339 time such as 2026-01-31T12:00:00Z, or milliseconds since 1970")
    }

    /// All values of a parameter that may be given several times.
    func texts(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }

    /// A list, given as `a,b` or by naming the parameter several times.
    func list(_ name: String) -> [String] {
        query.filter { $0.name == name }.flatMap { $0.value.split(separator: ",").map(String.init) }
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ name: String, default value: Value?) throws -> Value? where Value.RawValue == String {
        guard let text = try text(name) else { return value }
        guard let chosen = Value(rawValue: text) else {
            throw StoreError(.invalidParameter, "\(name) has to be one of: \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return chosen
    }

    func filter() throws -> EventFilter {
        var filter = EventFilter()
        filter.roles = list("roles")
        filter.authors = list("authors")
        filter.types = list("types")
        filter.branch = try text("branch")
        filter.since = try time("since")
        filter.until = try time("until")
        return filter
    }

    // MARK: - Head

    /// The number of `If-Match`, with or without quotes; `nil` without the field.
    func expectedNumber() throws -> Int? {
        guard let text = request.headers["If-Match"] else { return nil }
        let inner = text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
        guard let number = Int(inner), number >= 0, inner.utf8.first != UInt8(ascii: "+") else {
            throw StoreError(.invalidParameter, "If-Match has to be one number in quotes, such as \"7\"")
        }
        return number
    }

    /// The number of `Baton-Epoch`; `nil` without the field.
    func epoch() throws -> Int? {
        guard let text = request.headers["Baton-Epoch"] else { return nil }
        guard let epoch = Int(text), epoch >= 0, text.utf8.first != UInt8(ascii: "+") else {
            throw StoreError(.invalidParameter, "Baton-Epoch has to be the epoch that a lease was given with, a whole number")
        }
        return epoch
    }

    /// The change of the active agent that goes with an append.
    func agentChange() throws -> AgentChange? {
        let previous = try text("previousAgent").map { try Name.checked($0, "previousAgent") }
        guard let agent = try text("activeAgent") else {
            guard previous == nil else { throw StoreError(.invalidParameter, "previousAgent is given without activeAgent") }
            return nil
        }
        return AgentChange(from: previous, to: try Name.checked(agent, "activeAgent"))
    }

    /// Whether a deletion shall answer with what it deleted (RFC 7240 §4.2).
    var prefersRepresentation: Bool { request.headers.contains("Prefer", token: "return=representation") }

    /// Whether an answer is wanted before the work is done (RFC 7240 §4.1).
    var prefersAsynchrony: Bool { request.headers.contains("Prefer", token: "respond-async") }

    /// What `Baton-Durability` says.
    func durability(_ text: String) throws(StoreError) -> Durability {
        do throws(StoreError) { return try Durability(text) } catch { throw StoreError(error.code, "Baton-Durability: \(error.message)") }
    }

    var idempotencyKey: String? { request.headers["Idempotency-Key"] }

    /// Whether the client asks for a stream of events.
    var wantsEventStream: Bool {
        request.headers.values(of: "Accept").contains { $0.lowercased().split(separator: ",").contains { $0.contains("text/event-stream") } }
    }

    // MARK: - Body

    /// The body, when it may be JSON.
    func json() throws -> [UInt8] {
        if let type = request.headers["Content-Type"], type != "application/json" {
            var essence = type.lowercased().prefix { $0 != ";" }.drop { $0 == " " || $0 == "\t" }
            while essence.last == " " || essence.last == "\t" { essence.removeLast() }
            guard essence == "application/json" || (essence.hasPrefix("application/") && essence.hasSuffix("+json")) else {
                throw Problem(415, "unsupported_media_type", "the body has to be JSON; send Content-Type: application/json")
            }
        }
        return request.body
    }
}
