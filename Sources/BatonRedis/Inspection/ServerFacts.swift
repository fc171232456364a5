/// What a server says of itself with INFO. Facts that its version does not know are absent.
package struct ServerFacts: Sendable {
    private let values: [String: String]

    package init(_ values: [String: String]) { self.values = values }

    package subscript(_ name: String) -> String? { values[name] }

    package func number(_ name: String) -> Int? { values[name].flatMap { Int($0) } }

    /// A flag that is written as 1 or 0; false when it is absent.
    package func isSet(_ name: String) -> Bool { values[name] == "1" }

    /// A replica as its primary sees it.
    package struct Replica: Sendable, Equatable {
        package let address: String
        /// `online` once it follows.
        package let state: String
        /// How many bytes of the primary's writes it has taken over.
        package let offset: Int
        /// Seconds since it was last heard of.
        package let lag: Int
    }

    /// The replicas that are connected: lines of `slave0:ip=…,port=…,state=…,offset=…,lag=…`.
    package var replicas: [Replica] {
        // A server names each of them; the number alone is not to be counted up to.
        (0..<min(max(0, number("connected_slaves") ?? 0), values.count)).compactMap { index in
            guard let line = values["slave\(index)"] else { return nil }
            let fields = ServerFacts.fields(line)
            return Replica(
                address: "\(fields["ip"] ?? "?"):\(fields["port"] ?? "?")", state: fields["state"] ?? "?",
                offset: fields["offset"].flatMap { Int($0) } ?? 0, lag: fields["lag"].flatMap { Int($0) } ?? 0)
        }
    }

    /// How many bytes of writes a replica has yet to take over.
    package func bytesBehind(_ replica: Replica) -> Int {
        let (bytes, overflow) = (number("master_repl_offset") ?? 0).subtractingReportingOverflow(replica.offset)
        return overflow ? 0 : max(0, bytes)
    }

    /// How many keys a database has, and how many of them expire.
    package func keys(inDatabase number: Int) -> (all: Int, expiring: Int) {
        let fields = values["db\(number)"].map(ServerFacts.fields) ?? [:]
        return (fields["keys"].flatMap { Int($0) } ?? 0, fields["expires"].flatMap { Int($0) } ?? 0)
    }

    private static func fields(_ line: String) -> [String: String] {
        var fields: [String: String] = [:]
        for part in line.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { fields[String(pair[0])] = String(pair[1]) }
        }
        return fields
    }
}

/// Which program a server is, and in which version.
package struct ServerVersion: Sendable, Equatable {
    package let product: String
    package let text: String
    /// The numbers of the version of Redis that it says to be compatible with.
    package let compatible: [Int]

    package init(product: String, text: String, compatible: String) {
        self.product = product
        self.text = text
        self.compatible = compatible.split(separator: ".").map { Int($0) ?? 0 }
    }

    /// From INFO; Valkey says there which version of Redis it stands for, besides its own.
    package init?(_ facts: ServerFacts) {
        guard let redis = facts["redis_version"] else { return nil }
        if let valkey = facts["valkey_version"] {
            self.init(product: "Valkey", text: valkey, compatible: redis)
        } else {
            self.init(product: "Redis", text: redis, compatible: redis)
        }
    }

    /// Whether everything that a store sends is known to it.
    package var isSupported: Bool { !compatible.lexicographicallyPrecedes([6, 2]) }
}
