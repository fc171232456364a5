import BatonIO
import Testing

@testable import BatonHTTP

extension ConnectionStateMachine.Action {
    /// The action as a word, for tables.
    var word: String {
        switch self {
        case .wait: "wait"
        case .sendContinue: "continue"
        case .handle(let request): "handle \(request.path)"
        case .reject(let error): "reject \(error.status?.code ?? 0)"
        case .cancelHandler: "cancel"
        case .close: "close"
        }
    }
}

/// A machine with a clock that stands still, in seconds.
private struct Bench {
    var machine: ConnectionStateMachine
    var now = Deadline(nanoseconds: 0)

    init() {
        machine = ConnectionStateMachine(limits: Limits(), timeouts: .init(request: .seconds(30), idle: .seconds(75)), at: now)
    }

    mutating func receive(_ text: String) -> String { machine.received(Array(text.utf8).span, at: now).word }
    mutating func advance() -> String { machine.advance(at: now).word }
    mutating func respond() -> String { machine.responded(at: now).word }
    mutating func wait(_ seconds: Int) { now = now.advanced(by: .seconds(seconds)) }
    var deadline: Int? { machine.deadline == .never ? nil : Int(machine.deadline.nanoseconds / 1_000_000_000) }
}

private let get = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
private let get2 = "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"

@Suite struct ConnectionStateMachineTests {
    @Test func keepsAliveBetweenRequests() {
        var bench = Bench()
        #expect(bench.receive(get) == "handle /1")
        #expect(bench.machine.keepsAlive)
        #expect(bench.respond() == "wait")
        #expect(bench.advance() == "wait")
        #expect(bench.machine.isIdle)
        #expect(bench.receive(get2) == "handle /2")
    }

    @Test(arguments: ["GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /1 HTTP/1.0\r\n\r\n"])
    func closesWhenAsked(_ request: String) {
        var bench = Bench()
        #expect(bench.receive(request) == "handle /1")
        #expect(!bench.machine.keepsAlive)
        #expect(bench.respond() == "close")
        #expect(bench.receive(get2) == "wait")
    }

    @Test func pipelinedRequestsWaitForTheirTurn() {
        var bench = Bench()
        #expect(bench.receive(get + get2 + get) == "handle /1")
        #expect(!bench.machine.wantsInput)
        #expect(bench.receive("GET") == "wait")
        #expect(bench.respond() == "wait")
        #expect(bench.advance() == "handle /2")
        #expect(bench.respond() == "wait")
        #expect(bench.advance() == "handle /1")
        #expect(bench.respond() == "wait")
        #expect(bench.advance() == "wait")
        #expect(bench.machine.wantsInput)
        #expect(bench.receive(" /3 HTTP/1.1\r\nHost: x\r\n\r\n") == "handle /3")
    }

    @Test func aRejectionEndsThePipeline() {
        var bench = Bench()
        #expect(bench.receive(get + "bad\r\n\r\n" + get2) == "handle /1")
        #expect(bench.respond() == "wait")
        #expect(bench.advance() == "reject 400")
        #expect(bench.advance() == "wait")
        #expect(bench.receive(get2) == "wait")
    }

    @Test func asksForABodyThatIsExpected() {
        var bench = Bench()
        #expect(bench.receive("PUT /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n") == "continue")
        #expect(bench.advance() == "wait")
        #expect(bench.receive("a") == "wait")
        #expect(bench.receive("b") == "handle /1")
    }

    @Test func aTricklingRequestDoesNotMoveItsDeadline() {
        var bench = Bench()
        #expect(bench.deadline == 30)
        bench.wait(10)
        #expect(bench.receive("GET /1 HT") == "wait")
        #expect(bench.deadline == 40)
        bench.wait(20)
        #expect(bench.receive("TP/1.1\r\nHo") == "wait")
        #expect(bench.deadline == 40)
        bench.wait(10)
        #expect(bench.machine.deadlinePassed().word == "reject 408")
    }

    @Test func silenceIsClosedWithoutAWord() {
        var bench = Bench()
        #expect(bench.machine.deadlinePassed().word == "close")
    }

    @Test func anAnswerHasNoDeadlineAndIdlenessHasAnother() {
        var bench = Bench()
        #expect(bench.receive(get) == "handle /1")
        #expect(bench.deadline == nil)
        #expect(bench.machine.deadlinePassed().word == "wait")
        bench.wait(100)
        #expect(bench.respond() == "wait")
        #expect(bench.deadline == 175)
        bench.wait(5)
        #expect(bench.receive("G") == "wait")
        #expect(bench.deadline == 135)
    }

    @Test func drainClosesWhatIsIdleAndFinishesTheRest() {
        var idle = Bench()
        #expect(idle.machine.drain().word == "close")

        var kept = Bench()
        #expect(kept.receive(get) == "handle /1")
        #expect(kept.respond() == "wait")
        #expect(kept.machine.drain().word == "close")

        var answering = Bench()
        #expect(answering.receive(get + get2) == "handle /1")
        #expect(answering.machine.drain().word == "wait")
        #expect(!answering.machine.keepsAlive)
        #expect(answering.respond() == "close")

        var reading = Bench()
        #expect(reading.receive("GET /1 HTTP/1.1\r\n") == "wait")
        #expect(reading.machine.drain().word == "wait")
        #expect(reading.receive("Host: x\r\n\r\n") == "handle /1")
        #expect(reading.respond() == "close")
    }

    @Test func theEndOfInputMeansTheClientLeft() {
        var idle = Bench()
        #expect(idle.machine.inputEnded().word == "close")

        var half = Bench()
        #expect(half.receive("GET /1") == "wait")
        #expect(half.machine.inputEnded().word == "close")

        var answering = Bench()
        #expect(answering.receive(get) == "handle /1")
        #expect(answering.machine.inputEnded().word == "cancel")
        #expect(answering.respond() == "close")

        var pipelined = Bench()
        #expect(pipelined.receive(get + get2) == "handle /1")
        #expect(pipelined.machine.inputEnded().word == "wait")
        #expect(pipelined.respond() == "wait")
        #expect(pipelined.advance() == "handle /2")
        #expect(pipelined.respond() == "close")
    }

    @Test func whatComesDuringAStreamIsIgnored() {
        var bench = Bench()
        #expect(bench.receive(get) == "handle /1")
        bench.machine.streamStarted()
        #expect(bench.deadline == nil)
        #expect(bench.receive(get2) == "wait")
        #expect(bench.machine.wantsInput)
        #expect(!bench.machine.hasPending)
        #expect(bench.machine.inputEnded().word == "close")
    }
}
