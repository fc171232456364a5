import BatonCore
import BatonTesting
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What tests stand on has to stand.
@Suite("Test support")
struct TestingSupportTests {
    @Test func `a clock moves when it is moved, both ways`() {
        let clock = ManualClock()
        #expect(clock.now() == ManualClock.start)
        clock.advance(seconds: 2)
        clock.advance(milliseconds: -1)
        #expect(clock.now().milliseconds == ManualClock.start.milliseconds + 1999)
    }

    @Test func `a seed gives the sequence that the reference implementation gives`() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(
            (0..<5).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ])
    }

    @Test func `waiting ends when the condition holds, or with the limit`() async {
        let count = Guarded(0)
        #expect(
            await eventually {
                count.withLock { count in
                    count += 1
                    return count == 3
                }
            })
        #expect(count.withLock { $0 } == 3)
        #expect(await !eventually(within: .milliseconds(1)) { false })
    }

    @Test func `a temporary directory is removed with everything in it, and nothing else`() async throws {
        let outside = try TemporaryDirectory.make()
        defer { outside.remove() }
        #expect(mkdir(outside.file("kept"), 0o700) == 0)
        let path = try await TemporaryDirectory.with { directory in
            #expect(mkdir(directory.file("a"), 0o700) == 0)
            #expect(mkdir(directory.file("a/b"), 0o700) == 0)
            #expect(close(creat(directory.file("a/b/c"), 0o600)) == 0)
            #expect(symlink(outside.path, directory.file("a/link")) == 0)
            return directory.path
        }
        #expect(access(path, F_OK) != 0)
        #expect(access(outside.file("kept"), F_OK) == 0)
        await #expect(throws: CancellationError.self) {
            try await TemporaryDirectory.with { directory in
                #expect(mkdir(directory.file("a"), 0o700) == 0)
                throw CancellationError()
            }
        }
    }
}
