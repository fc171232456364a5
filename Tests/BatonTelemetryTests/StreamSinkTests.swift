import BatonTelemetry
import Glibc
import Testing

/// A pipe whose reading end never blocks.
private final class Pipe: Sendable {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        reading = ends[0]
        writing = ends[1]
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(reading)
        close(writing)
    }

    /// What is there now.
    func readAvailable() -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(reading, &buffer, buffer.count)
            guard count > 0 else { return all }
            all += buffer[..<count]
        }
    }

    /// Reads until `isEnough`, ten seconds at most.
    func readLines(until isEnough: ([Substring]) -> Bool) async throws -> [Substring] {
        var all: [UInt8] = []
        let end = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < end {
            all += readAvailable()
            let lines = String(decoding: all, as: UTF8.self).split(separator: "\n")
            if isEnough(lines) { return lines }
            try await Task.sleep(for: .milliseconds(2))
        }
        return String(decoding: all, as: UTF8.self).split(separator: "\n")
    }
}

@Suite("StreamSink")
struct StreamSinkTests {
    @Test("writes every record in order")
    func order() async throws {
        let pipe = try Pipe()
        let sink = StreamSink(.json, descriptor: pipe.writing)
        let logger = Logger(label: "t", to: sink)
        for n in 0..<500 { logger.info("line", ["n": .int(n)]) }
        let lines = try await pipe.readLines { $0.count == 500 }
        #expect(lines.count == 500)
        for (n, line) in lines.enumerated() { #expect(line.hasSuffix("\"n\":\(n)}")) }
        #expect(await sink.flush())
        #expect(sink.dropped == 0)
    }

    @Test("a pipe nobody reads holds no caller; what is dropped is counted and said")
    func fullPipe() async throws {
        let pipe = try Pipe()
        let sink = StreamSink(.json, descriptor: pipe.writing, capacity: 100)
        let logger = Logger(label: "t", to: sink)
        // Far more than pipe and queue hold together. That this loop ends at all is the point: nothing reads yet.
        let total = 20_000
        for n in 0..<total { logger.info("a line of some length to fill the pipe", ["n": .int(n)]) }
        #expect(sink.dropped > 0)
        #expect(await !sink.flush(within: .milliseconds(20)))

        let dropped = sink.dropped
        let lines = try await pipe.readLines { lines in
            lines.count { $0.contains("some length") } == total - dropped && lines.last?.contains("\"dropped\":") == true
        }
        let reported = lines.filter { $0.contains("records dropped") }.compactMap { line in
            line.split(separator: "\"dropped\":").last.flatMap { Int($0.dropLast()) }
        }
        #expect(lines.count { $0.contains("some length") } == total - dropped)
        #expect(reported.reduce(0, +) == dropped)
        #expect(await sink.flush())
    }

    @Test("text on a pipe has no colour")
    func noColour() async throws {
        let pipe = try Pipe()
        let sink = StreamSink(descriptor: pipe.writing)
        Logger(label: "t", to: sink).error("broken")
        let lines = try await pipe.readLines { !$0.isEmpty }
        #expect(lines.first?.hasSuffix("error    t: broken") == true)
    }

    @Test("a burst that ends in silence still gets its count")
    func silence() async throws {
        let pipe = try Pipe()
        let sink = StreamSink(.json, descriptor: pipe.writing)
        let logger = Logger(label: "t", to: sink)
        for _ in 0..<50 { logger.warning("burst", limit: .perSecond(2)) }
        // Spread over a second boundary, the burst may be admitted twice; every record is either written or counted.
        let lines = try await pipe.readLines { $0.contains { $0.contains("similar records suppressed") } }
        let written = lines.count { $0.contains("\"burst\"") }
        let counted = lines.compactMap { $0.split(separator: "\"suppressed\":").dropFirst().first.flatMap { Int($0.dropLast()) } }
        #expect(written + counted.reduce(0, +) == 50)
    }

    @Test("a released sink writes what waits, and a closed descriptor harms nobody")
    func release() async throws {
        let pipe = try Pipe()
        do {
            let logger = Logger(label: "t", to: StreamSink(.json, descriptor: pipe.writing))
            for n in 0..<100 { logger.info("line \(n)") }
        }
        #expect(try await pipe.readLines { $0.count == 100 }.count == 100)

        let sink = StreamSink(.json, descriptor: -1)
        Logger(label: "t", to: sink).info("lost")
        #expect(await sink.flush())
    }
}
