/// Reads connection strings as StackExchange.Redis has them: endpoints and `name=value` pairs between commas, names in any case.
///
/// `serviceName` makes the endpoints Sentinels. Options that tune that library alone are read over; all others are refused by name.
enum ConnectionString {
    static func configuration(_ text: String) throws(RedisError) -> RedisConfiguration {
        var endpoints: [Substring] = []
        var options: [(name: String, value: Substring)] = []
        for part in text.split(separator: ",") {
            let part = part.trimmed
            if part.isEmpty { continue }
            if let equals = part.firstIndex(of: "=") {
                options.append((part[..<equals].trimmed.lowercased(), part[part.index(after: equals)...].trimmed))
            } else {
                endpoints.append(part)
            }
        }
        guard !endpoints.isEmpty else {
            throw invalid("no endpoint is named; expected for example 127.0.0.1:6379,password=… or a URL such as redis://127.0.0.1:6379")
        }
        let service = options.last { $0.name == "servicename" }?.value
        var list: [RedisEndpoint] = []
        for (index, endpoint) in endpoints.enumerated() {
            do {
                list.append(try RedisEndpoint(endpoint, defaultPort: service == nil ? 6379 : 26379))
            } catch {
                throw invalid("endpoint \(index + 1): \(error.message)")
            }
        }
        var configuration = RedisConfiguration(service.map { .sentinel(primary: String($0), list) } ?? .standalone(list))
        try apply(options, to: &configuration)
        if service != nil { configuration.sentinelTLS = configuration.tls }
        try configuration.validate()
        return configuration
    }

    private static func apply(_ options: [(name: String, value: Substring)], to configuration: inout RedisConfiguration) throws(RedisError) {
        var user: String?
        var password: String?
        var sslHost: String?
        for (name, value) in options {
            switch name {
            case "password": password = String(value)
            case "user": user = String(value)
            case "ssl": configuration.tls = try truth(name, value) ? RedisConfiguration.TLS() : nil
            case "sslhost": sslHost = String(value)
            case "defaultdatabase": configuration.database = try number(name, value, 0...Int(Int32.max))
            case "name": configuration.clientName = String(value)
            case "connecttimeout": configuration.connectTimeout = .milliseconds(try number(name, value, 1...3_600_000))
            case "synctimeout", "asynctimeout": configuration.commandTimeout = .milliseconds(try number(name, value, 1...3_600_000))
            case "keepalive": configuration.keepAliveInterval = .seconds(try number(name, value, 1...3_600))
            case "protocol":
                configuration.protocolVersion = try number(name, value.lowercased().hasPrefix("resp") ? value.dropFirst(4) : value, 2...3)
            // A client of this library is usable before its first connection stands, so there is nothing to abort.
            case "abortconnect": _ = try truth(name, value)
            case "servicename", "allowadmin", "connectretry", "resolvedns", "tiebreaker", "configchannel", "version", "writebuffer",
                "highintegrity", "setlib", "responsetimeout", "configcheckseconds":
                break
            default:
                let known =
                    "abortConnect, asyncTimeout, connectTimeout, defaultDatabase, keepAlive, name, password, protocol, serviceName, ssl, sslHost, syncTimeout, user"
                throw invalid("the option \"\(name)\" is not known; there are \(known)")
            }
        }
        if let sslHost { configuration.tls?.serverName = sslHost }
        if let password {
            guard !password.isEmpty else { throw invalid("the option \"password\" is empty") }
            configuration.credentials = .login(RedisLogin(user: user, password: password))
        } else if user != nil {
            throw invalid("the option \"user\" needs \"password\" beside it")
        }
    }

    private static func truth(_ name: String, _ value: Substring) throws(RedisError) -> Bool {
        switch value.lowercased() {
        case "true", "yes", "1": true
        case "false", "no", "0": false
        default: throw invalid("the option \"\(name)\" must be true or false")
        }
    }

    private static func number(_ name: String, _ value: Substring, _ range: ClosedRange<Int>) throws(RedisError) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw invalid("the option \"\(name)\" must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func invalid(_ message: String) -> RedisError {
        RedisError(.invalidConfiguration, "Redis connection string: \(message)")
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
