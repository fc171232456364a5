internal import BatonCore

/// A JSON object on a command line.
struct JSONObject: ArgumentValue {
    let json: JSON

    static var expectation: String { #"a JSON object such as {"plan": "free"}"# }

    init?(argument: String) {
        guard let json = try? JSON(parsing: argument), json.isObject else { return nil }
        self.json = json
    }

    var argument: String { json.description }
}

/// A JSON array on a command line.
struct JSONArray: ArgumentValue {
    let json: JSON

    static var expectation: String { #"a JSON array such as ["ann", "planner"]"# }

    init?(argument: String) {
        guard let json = try? JSON(parsing: argument), json.elements != nil else { return nil }
        self.json = json
    }

    var argument: String { json.description }
}
