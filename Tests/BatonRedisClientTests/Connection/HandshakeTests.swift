import Testing

@testable import BatonRedisClient

@Suite("Handshake")
struct HandshakeTests {
    private let login = RedisLogin(user: "me", password: "hunter2")

    private func lines(_ bytes: [UInt8]) throws -> [String] {
        var decoder = RESPDecoder()
        decoder.append(bytes)
        var lines: [String] = []
        while case .reply(let reply) = try decoder.next() { lines.append(reply.elements?.map { $0.string ?? "" }.joined(separator: " ") ?? "") }
        return lines
    }

    private func steps(_ handshake: inout Handshake, _ replies: [Value]) throws -> [String] {
        try replies.map { value in
            switch try handshake.receive(CommandTests.reply(value)) {
            case .wait: return "wait"
            case .send(let bytes): return try lines(bytes).joined(separator: "; ")
            case .done(let server): return "done \(server.protocolVersion)"
            }
        }
    }

    private let hello = Value.map([
        .text("server"), .text("redis"), .text("version"), .text("7.0.15"), .text("proto"), .integer(3), .text("id"), .integer(9), .text("mode"),
        .text("standalone"), .text("role"), .text("master"), .text("modules"), .array([]),
    ])

    @Test("says everything in one write")
    func oneWrite() throws {
        var handshake = Handshake(
            .init(login: login, clientName: "app", database: 2, readsFromReplica: true, requiresPrimary: true))
        #expect(
            try lines(handshake.start()) == [
                "HELLO 3 AUTH me hunter2 SETNAME app", "CLIENT SETINFO LIB-NAME baton", "SELECT 2", "READONLY", "ROLE",
            ])
        #expect(
            try steps(
                &handshake,
                [hello, .error("ERR unknown subcommand"), .simple("OK"), .simple("OK"), .array([.text("master"), .integer(0), .array([])])])
                == ["wait", "wait", "wait", "wait", "done 3"])
    }

    @Test("calls the user default when only a password is given")
    func passwordOnly() throws {
        var handshake = Handshake(.init(login: RedisLogin(password: "p")))
        #expect(try lines(handshake.start()).first == "HELLO 3 AUTH default p")
    }

    @Test("falls back to RESP2", arguments: ["NOPROTO unsupported protocol version", "ERR unknown command 'HELLO'"])
    func fallback(refusal: String) throws {
        var handshake = Handshake(.init(login: login, clientName: "app", database: 1))
        _ = handshake.start()
        #expect(
            try steps(
                &handshake,
                [.error(refusal), .error("NOAUTH x"), .error("NOAUTH x"), .simple("OK"), .error("ERR no"), .error("ERR no"), .simple("OK")])
                == [
                    "wait", "wait", "AUTH me hunter2; CLIENT SETNAME app; CLIENT SETINFO LIB-NAME baton; SELECT 1", "wait", "wait", "wait",
                    "done 2",
                ])
    }

    @Test("speaks RESP2 from the start when told to")
    func version2() throws {
        var handshake = Handshake(.init(protocolVersion: 2, login: RedisLogin(password: "p")))
        #expect(try lines(handshake.start()) == ["AUTH p", "CLIENT SETINFO LIB-NAME baton"])
        #expect(try steps(&handshake, [.simple("OK"), .simple("OK")]) == ["wait", "done 2"])
    }

    @Test("fails on a refused login, for good")
    func wrongPassword() throws {
        var handshake = Handshake(.init(login: login))
        _ = handshake.start()
        let error = #expect(throws: RedisError.self) { try steps(&handshake, [.error("WRONGPASS invalid username-password pair")]) }
        #expect(error?.code == .authentication)
        #expect(error?.isPermanent == true)
    }

    @Test("fails on a refused database, for good")
    func wrongDatabase() throws {
        var handshake = Handshake(.init(database: 99))
        _ = handshake.start()
        let error = #expect(throws: RedisError.self) { try steps(&handshake, [hello, .simple("OK"), .error("ERR DB index is out of range")]) }
        #expect(error?.isPermanent == true)
    }

    @Test("fails on a server that still loads, for now")
    func loading() throws {
        var handshake = Handshake(.init())
        _ = handshake.start()
        let error = #expect(throws: RedisError.self) { try steps(&handshake, [.error("LOADING Redis is loading the dataset in memory")]) }
        #expect(error?.isPermanent == false)
    }

    @Test("fails on a replica where a primary is wanted, for now")
    func replica() throws {
        var handshake = Handshake(.init(requiresPrimary: true))
        _ = handshake.start()
        let role = Value.array([.text("slave"), .text("h"), .integer(1), .text("connected"), .integer(0)])
        let error = #expect(throws: RedisError.self) { try steps(&handshake, [hello, .simple("OK"), role]) }
        #expect(error?.code == .noPrimary)
        #expect(error?.isPermanent == false)
    }

    @Test("refuses more replies than it asked for")
    func unasked() throws {
        var handshake = Handshake(.init())
        _ = handshake.start()
        #expect(try steps(&handshake, [hello, .simple("OK")]) == ["wait", "done 3"])
        #expect(throws: RedisError.self) { try steps(&handshake, [.simple("OK")]) }
    }
}
