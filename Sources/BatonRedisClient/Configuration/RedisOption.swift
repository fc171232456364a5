/// The options behind a URL's `?`.
enum RedisOption: String, CaseIterable {
    case db, name, `protocol`, reads
    case connectTimeout = "connect_timeout"
    case commandTimeout = "timeout"
    case keepAlive = "keep_alive"
    case passwordFile = "password_file"
    case tlsAuthority = "tls_ca"
    case tlsCertificate = "tls_cert"
    case tlsKey = "tls_key"
    case tlsServerName = "tls_name"
    case sentinelUser = "sentinel_user"
    case sentinelPassword = "sentinel_password"
    case sentinelTLS = "sentinel_tls"

    static func read(_ query: Substring, into configuration: inout RedisConfiguration) throws(RedisError) {
        var sentinelUser: String?
        var sentinelPassword: String?
        // Sentinels are spoken to as the servers are, unless said otherwise.
        var encryptsSentinels = configuration.tls != nil
        for pair in query.split(separator: "&") {
            let equals = pair.firstIndex(of: "=") ?? pair.endIndex
            let name = String(pair[..<equals])
            guard let option = RedisOption(rawValue: name) else {
                throw RedisURL.invalid("the option \"\(name)\" is not known; there are \(allCases.map(\.rawValue).sorted().joined(separator: ", "))")
            }
            guard equals != pair.endIndex else { throw RedisURL.invalid("the option \"\(name)\" lacks a value: \(name)=…") }
            let value = try RedisURL.decode(pair[pair.index(after: equals)...], of: "the option \"\(name)\"")
            switch option {
            case .sentinelUser: sentinelUser = value
            case .sentinelPassword: sentinelPassword = value
            case .sentinelTLS: encryptsSentinels = try option.truth(value)
            default: try option.set(value, in: &configuration)
            }
        }
        configuration.sentinelTLS = encryptsSentinels ? configuration.tls ?? RedisConfiguration.TLS() : nil
        if let sentinelPassword {
            configuration.sentinelCredentials = .login(RedisLogin(user: sentinelUser, password: sentinelPassword))
        } else if sentinelUser != nil {
            throw RedisURL.invalid("the option \"sentinel_user\" needs \"sentinel_password\" beside it")
        }
    }

    private func set(_ value: String, in configuration: inout RedisConfiguration) throws(RedisError) {
        switch self {
        case .db: configuration.database = try number(value, 0...Int(Int32.max))
        case .name: configuration.clientName = value
        case .protocol: configuration.protocolVersion = try number(value, 2...3)
        case .reads:
            switch value {
            case "primary": configuration.reads = .primary
            case "replica": configuration.reads = .replica
            default: throw wrong("primary or replica")
            }
        case .connectTimeout: configuration.connectTimeout = try .milliseconds(number(value, 1...3_600_000))
        case .commandTimeout: configuration.commandTimeout = try .milliseconds(number(value, 1...3_600_000))
        case .keepAlive: configuration.keepAliveInterval = try .milliseconds(number(value, 100...3_600_000))
        case .passwordFile: configuration.credentials = .file(value)
        case .tlsAuthority: try tls(in: &configuration) { $0.authorityFile = value }
        case .tlsCertificate: try tls(in: &configuration) { $0.certificateFile = value }
        case .tlsKey: try tls(in: &configuration) { $0.keyFile = value }
        case .tlsServerName: try tls(in: &configuration) { $0.serverName = value }
        case .sentinelUser, .sentinelPassword, .sentinelTLS: break
        }
    }

    private func tls(in configuration: inout RedisConfiguration, _ change: (inout RedisConfiguration.TLS) -> Void) throws(RedisError) {
        guard var tls = configuration.tls else { throw RedisURL.invalid("the option \"\(rawValue)\" needs TLS: write rediss for redis") }
        change(&tls)
        configuration.tls = tls
    }

    private func number(_ value: String, _ range: ClosedRange<Int>) throws(RedisError) -> Int {
        guard let number = Int(value), range.contains(number) else { throw wrong("a whole number from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    private func truth(_ value: String) throws(RedisError) -> Bool {
        switch value.lowercased() {
        case "true", "yes", "1": true
        case "false", "no", "0": false
        default: throw wrong("true or false")
        }
    }

    private func wrong(_ expected: String) -> RedisError { RedisURL.invalid("the option \"\(rawValue)\" must be \(expected)") }
}
