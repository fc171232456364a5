import BatonIO
import Testing

@Suite("An address")
struct AddressTests {
    @Test(
        "is read and written in the same form", arguments: ["127.0.0.1:4437", "[::1]:80", "[2001:db8::1]:65535", "unix:/run/baton.sock", "0.0.0.0:0"])
    func roundTrip(_ text: String) throws {
        #expect(try SocketAddress(text).description == text)
    }

    @Test("without a host is all of the machine's")
    func any() throws {
        #expect(try SocketAddress(":4437") == .any(port: 4437))
    }

    @Test(
        "that is none is refused with what is allowed",
        arguments: [
            "", "4437", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+80", "::1:80", "[::1]", "localhost:80",
            "unix:", "[]:80", "1.2.3:80", "[127.0.0.1:80", "127.0.0.1:8 0",
        ])
    func invalid(_ text: String) async {
        let error = await failure { try SocketAddress(text) }
        #expect(error?.code == .invalidAddress)
    }

    @Test("of a Unix socket has to fit the system's limit")
    func longPath() async throws {
        let longest = "unix:/" + String(repeating: "x", count: 106)
        #expect(try SocketAddress(longest).description == longest)
        #expect(await failure { try SocketAddress(longest + "x") }?.code == .invalidAddress)
    }

    @Test("of a host is a name or a number")
    func endpoints() throws {
        #expect(try Endpoint("localhost:80") == .host("localhost", port: 80))
        #expect(try Endpoint("127.0.0.1:80") == .address(.loopback(port: 80)))
        #expect(try Endpoint("[::1]:80").host == "::1")
        #expect(try Endpoint("unix:/x").host == nil)
    }

    @Test("is found for a name, and a name that has none is an error")
    func resolving() async throws {
        try await withLoop { loop in
            let found = try await Resolver.addresses(of: "localhost", port: 80, on: loop, deadline: .after(.seconds(10)))
            #expect(found.contains(.loopback(port: 80)))
            #expect(Set(found).count == found.count)
            let error = await failure {
                try await Resolver.addresses(of: "name.invalid", port: 80, on: loop, deadline: .after(.seconds(10)))
            }
            #expect(error?.code == .resolution || error?.code == .timedOut)
        }
    }

    @Test("is not waited for by a task that is cancelled")
    func cancelledResolving() async throws {
        try await withLoop { loop in
            let task = Task { try await Resolver.addresses(of: "name.invalid", port: 80, on: loop, deadline: .never) }
            task.cancel()
            let error = await failure { try await task.value }
            #expect(error?.code == .cancelled || error?.code == .resolution)
        }
    }
}

@Suite("A deadline")
struct DeadlineTests {
    @Test("saturates instead of overflowing")
    func saturation() {
        #expect(Deadline.after(.seconds(Int64.max)) == .never)
        #expect(Deadline.never.advanced(by: .seconds(-5)) == .never)
        #expect(!Deadline.never.isPast)
        #expect(Deadline.never.remaining == nil)
        #expect(Deadline.after(.seconds(-1)).isPast)
        #expect(Deadline.after(.seconds(-1)).remaining == .zero)
        #expect(Deadline.after(.seconds(1)) > .now)
    }
}
