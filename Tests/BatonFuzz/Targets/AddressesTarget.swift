import Baton
import BatonIO
import BatonRedisClient
import BatonServer

@testable import BatonHTTP

/// Reads a text as every kind of address. What was read is written so that it is read again, and passwords are in nothing that is shown.
enum AddressesTarget {
    static func run(_ bytes: [UInt8]) throws(Violation) {
        let text = String(decoding: bytes, as: UTF8.self)
        read(text)
        if let url = try? HTTPURL(text) {
            try Violation.unless((try? HTTPURL(url.description)) == url, "an URL is written as it is read: \(url)")
        }
        if let address = try? SocketAddress(text) {
            try Violation.unless((try? SocketAddress(address.description)) == address, "an address is written as it is read: \(address)")
        }
        if let endpoint = try? RedisEndpoint(text) {
            try Violation.unless((try? RedisEndpoint(endpoint.description)) == endpoint, "an endpoint is written as it is read: \(endpoint)")
        }
        // The rest of an address, whatever it is, behind a password.
        for scheme in ["redis", "rediss+cluster", "redis+sentinel", "valkey", "http"] {
            for login in ["ann:", ":"] { try conceal("\(scheme)://\(login)\(secret)@\(text)") }
        }
        try conceal("host:1,password=\(secret),\(text)")
    }

    private static let secret = "hunter2correcthorse"

    private static func conceal(_ text: String) throws(Violation) {
        var shown = ""
        do throws(StoreError) { shown = try StoreAddress(text).description } catch { shown = "\(error)" }
        try Violation.unless(!shown.contains(secret), "no password is shown: \(shown)")
        do throws(RedisError) { shown = "\(try RedisConfiguration(text))" } catch { shown = "\(error)" }
        try Violation.unless(!shown.contains(secret), "no password is shown: \(shown)")
        do throws(HTTPError) { shown = try HTTPURL(text).description } catch { shown = "\(error)" }
        try Violation.unless(!shown.contains(secret), "no password is shown: \(shown)")
    }

    private static func read(_ text: String) {
        _ = try? StoreAddress(text).description
        _ = try? RedisConfiguration(text)
        _ = try? WebHookURL(text).isEncrypted
        _ = try? PercentEncoding.decode(text)
        _ = try? Query(parsing: text)
    }
}
