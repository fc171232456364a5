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

    @Test(
        "of this machine, a private network, a group or a document is not one of the Internet, however it is written",
        arguments: [
            "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.169.254",
            "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
            "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3",
            "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:1ff:ffff::1", "2001:db8::1",
            "2002:7f00:1::1", "2002:c0a8:101::", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1",
        ])
    func notGlobal(_ text: String) throws {
        #expect(try #require(SocketAddress(numericHost: text, port: 80)).isGlobal == false)
    }

    @Test(
        "of the Internet is one, at the edges of what is not",
        arguments: [
            "1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
            "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2000::1",
            "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2002:808:808::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
        ])
    func global(_ text: String) throws {
        #expect(try #require(SocketAddress(numericHost: text, port: 80)).isGlobal)
    }

    @Test("of a Unix socket is of this machine")
    func unixIsLocal() { #expect(!SocketAddress.unix("/run/x").isGlobal) }

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
