import BatonTesting
import Testing

/// Starts one redis-server for all tests of a suite and stops it after them.
struct SharedServer: SuiteTrait, TestScoping {
    @TaskLocal static var current: RedisServer?

    var options: [String] = []

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void) async throws {
        try await RedisServer.with(options) { server in
            try await SharedServer.$current.withValue(server) { try await function() }
        }
    }
}

extension Trait where Self == SharedServer {
    /// One redis-server for the suite.
    static var redisServer: SharedServer { SharedServer() }
    /// One redis-server for the suite, started with these options.
    static func redisServer(_ options: String...) -> SharedServer { SharedServer(options: options) }
}
