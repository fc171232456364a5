import BatonIO
import Testing

@testable import BatonRedisClient

@Suite("Command queue")
struct CommandQueueTests {
    typealias Queue = CommandQueue<Int>

    private func add(_ number: Int, to queue: inout Queue, deadline: Deadline = .never, expecting: Int = 1) throws {
        try queue.enqueue(number, ticket: UInt64(number), deadline: deadline, expecting: expecting) { encoder in
            for _ in 0..<expecting { encoder.write(RawCommand(["ECHO", .init(number)])) }
        }
    }

    private func reply(_ number: Int) throws -> RedisReply { try CommandTests.reply(.integer(Int64(number))) }

    private func wire(_ numbers: [Int]) -> [UInt8] {
        var encoder = RESPEncoder()
        for number in numbers { encoder.write(RawCommand(["ECHO", .init(number)])) }
        return encoder.bytes
    }

    /// Who got what: `5:5` for a reply, `5:timeout+` for an error after the command was sent, `5:timeout-` before.
    private func show(_ delivery: Queue.Delivery?) -> String {
        guard let delivery else { return "-" }
        switch delivery.outcome {
        case .reply(let reply): return "\(delivery.waiter):\(reply.integer ?? -1)"
        case .replies(let replies): return "\(delivery.waiter):\(replies.map { "\($0.integer ?? -1)" }.joined(separator: ","))"
        case .failure(let error): return "\(delivery.waiter):\(error.code.rawValue)\(error.wasSent ? "+" : "-")"
        }
    }

    private func make(_ maximum: Int = 100) -> Queue { Queue(maximumCommands: maximum, maximumBytes: 10_000) }

    @Test("gives replies in the order of the commands")
    func order() throws {
        var queue = make()
        for number in 1...3 { try add(number, to: &queue) }
        #expect(queue.takeOutbound(replacing: []) == wire([1, 2, 3]))
        #expect(queue.inFlight == 3)
        for number in 1...3 { #expect(show(try queue.receive(reply(number))) == "\(number):\(number)") }
        #expect(queue.count == 0)
    }

    @Test("collects the replies of commands that belong together")
    func groups() throws {
        var queue = make()
        try add(1, to: &queue, expecting: 3)
        try add(2, to: &queue)
        _ = queue.takeOutbound(replacing: [])
        #expect(show(try queue.receive(reply(10))) == "-")
        #expect(show(try queue.receive(reply(11))) == "-")
        #expect(show(try queue.receive(reply(12))) == "1:10,11,12")
        #expect(show(try queue.receive(reply(20))) == "2:20")
    }

    @Test("refuses a reply that nobody asked for, also when the command has not left")
    func unasked() throws {
        var queue = make()
        #expect(throws: RedisError.self) { try queue.receive(reply(1)) }
        try add(1, to: &queue)
        #expect(throws: RedisError.self) { try queue.receive(reply(1)) }
    }

    @Test("keeps the place of a caller that gave up after its command left")
    func abandonedSlot() throws {
        var queue = make()
        for number in 1...3 { try add(number, to: &queue) }
        _ = queue.takeOutbound(replacing: [])
        #expect(show(queue.cancel(2, RedisError(.cancelled, ""))) == "2:cancelled+")
        #expect(show(queue.cancel(2, RedisError(.cancelled, ""))) == "-")
        #expect(show(try queue.receive(reply(1))) == "1:1")
        #expect(show(try queue.receive(reply(2))) == "-")
        #expect(show(try queue.receive(reply(3))) == "3:3")
    }

    @Test("takes out a command whose caller gave up before it left")
    func takenOut() throws {
        var queue = make()
        for number in 1...4 { try add(number, to: &queue) }
        #expect(show(queue.cancel(2, RedisError(.cancelled, ""))) == "2:cancelled-")
        #expect(show(queue.cancel(4, RedisError(.cancelled, ""))) == "4:cancelled-")
        #expect(queue.count == 2)
        #expect(queue.takeOutbound(replacing: []) == wire([1, 3]))
        #expect(show(try queue.receive(reply(1))) == "1:1")
        #expect(show(try queue.receive(reply(3))) == "3:3")
    }

    @Test("lets callers go at their deadlines, each with what it has to know")
    func deadlines() throws {
        var queue = make()
        try add(1, to: &queue, deadline: Deadline(nanoseconds: 10))
        try add(2, to: &queue, deadline: Deadline(nanoseconds: 30))
        _ = queue.takeOutbound(replacing: [])
        try add(3, to: &queue, deadline: Deadline(nanoseconds: 10))
        try add(4, to: &queue, deadline: Deadline(nanoseconds: 20))
        #expect(queue.nextDeadline == Deadline(nanoseconds: 10))
        #expect(queue.expire(at: Deadline(nanoseconds: 10)).map { show($0) } == ["1:timeout+", "3:timeout-"])
        #expect(queue.nextDeadline == Deadline(nanoseconds: 20))
        let refused = RedisError(.connectionFailed, "refused")
        #expect(queue.expire(at: Deadline(nanoseconds: 40), reason: refused).map { show($0) } == ["2:timeout+", "4:connectionFailed-"])
        #expect(!queue.hasOutbound)
        #expect(show(try queue.receive(reply(1))) == "-")
        #expect(show(try queue.receive(reply(2))) == "-")
        #expect(queue.count == 0)
    }

    @Test("fails what was sent when the connection breaks and keeps what was not")
    func connectionLost() throws {
        var queue = make()
        try add(1, to: &queue, expecting: 2)
        try add(2, to: &queue)
        _ = queue.takeOutbound(replacing: [])
        _ = try queue.receive(reply(10))
        try add(3, to: &queue)
        #expect(queue.failSent(RedisError(.connectionLost, "")).map { show($0) } == ["1:connectionLost+", "2:connectionLost+"])
        #expect(queue.inFlight == 0)
        #expect(queue.takeOutbound(replacing: []) == wire([3]))
        #expect(show(try queue.receive(reply(3))) == "3:3")
    }

    @Test("fails everything when it is closed")
    func closed() throws {
        var queue = make()
        try add(1, to: &queue)
        _ = queue.takeOutbound(replacing: [])
        try add(2, to: &queue)
        #expect(queue.failAll(RedisError(.closed, "")).map { show($0) } == ["1:closed+", "2:closed-"])
        #expect(!queue.hasOutbound)
    }

    @Test("refuses more than its bounds, leaving nothing behind")
    func bounds() throws {
        var queue = make(2)
        try add(1, to: &queue)
        try add(2, to: &queue)
        let error = #expect(throws: RedisError.self) { try self.add(3, to: &queue) }
        #expect(error?.code == .queueFull)
        #expect(queue.takeOutbound(replacing: []) == wire([1, 2]))
        var bytes = Queue(maximumCommands: 100, maximumBytes: 20)
        try add(1, to: &bytes)
        #expect(throws: RedisError.self) { try self.add(2, to: &bytes) }
    }

    @Test("never gives a reply to the wrong caller, whatever happens in between", arguments: 0..<20 as Range<UInt64>)
    func randomRuns(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var queue = make(50)
        // What a server that answers with the request's number has received and not answered.
        var server: [Int] = []
        var waiting: Set<Int> = []
        var next = 1
        var delivered = 0
        func settle(_ delivery: Queue.Delivery?) {
            guard let delivery else { return }
            #expect(waiting.remove(delivery.waiter) != nil, "resumed once")
            if case .reply(let reply) = delivery.outcome {
                #expect(reply.integer == Int64(delivery.waiter))
                delivered += 1
            }
        }
        func receive(_ bytes: [UInt8]) throws {
            var decoder = RESPDecoder()
            decoder.append(bytes)
            while case .reply(let command) = try decoder.next() {
                server.append(Int(command.elements.map(Array.init)?.last?.integer ?? -1))
            }
        }
        for _ in 0..<5_000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<40:
                if (try? add(next, to: &queue, deadline: Deadline(nanoseconds: Int64(next + 30)))) != nil { waiting.insert(next) }
                next += 1
            case 40..<60: try receive(queue.takeOutbound(replacing: []))
            case 60..<90:
                if !server.isEmpty { settle(try queue.receive(reply(server.removeFirst()))) }
            case 90..<94:
                if let number = waiting.randomElement(using: &random) { settle(queue.cancel(UInt64(number), RedisError(.cancelled, ""))) }
            case 94..<97: for delivery in queue.expire(at: Deadline(nanoseconds: Int64(next))) { settle(delivery) }
            default:
                server = []
                for delivery in queue.failSent(RedisError(.connectionLost, "")) { settle(delivery) }
            }
        }
        for delivery in queue.failAll(RedisError(.closed, "")) { settle(delivery) }
        #expect(waiting.isEmpty)
        #expect(delivered > 100)
    }

    @Test("keeps a ring in order while it grows and wraps")
    func ring() {
        var ring = Ring<Int>()
        var next = 0
        var expected = 0
        for round in 1...50 {
            for _ in 0..<round {
                ring.append(next)
                next += 1
            }
            for _ in 0..<round / 2 {
                #expect(ring.popFirst() == expected)
                expected += 1
            }
        }
        #expect(ring.count == next - expected)
        ring.removeAll(from: 10) { $0.isMultiple(of: 2) }
        #expect((0..<10).map { ring[$0] } == Array(expected..<expected + 10))
        #expect((10..<ring.count).allSatisfy { !ring[$0].isMultiple(of: 2) })
    }
}
