import BatonTesting
import Testing

/// The checker of fault runs: it says nothing of a good history, and names what is wrong with each bad one.
@Suite("The checker of histories")
struct BusHistoryTests {
    private static let ms = 1_000_000
    private static let lease = 500 * ms

    /// Two events of one key, each handed out, kept alive and acknowledged; the second was handed out again after its first lease.
    private func good() -> BusHistory {
        var history = BusHistory()
        history.written = [written("w-0", 1), written("w-1", 2)]
        history.logs["t"] = BusHistory.Log(events: [stored("w-0", 1), stored("w-1", 2)])
        history.handOuts = [out("w-0", token: 1, at: 0), out("w-1", token: 2, at: 100), out("w-1", token: 3, at: 700, "b")]
        history.words = [word("w-0", 1, .extend, at: 20), word("w-0", 1, .acknowledge, at: 50), word("w-1", 3, .acknowledge, at: 750)]
        history.groups["g"] = group(effects: ["w-0", "w-1"])
        return history
    }

    private func written(_ name: String, _ seq: Int) -> BusHistory.Written { BusHistory.Written(log: "t", name: name, seq: seq) }
    private func stored(_ name: String, _ seq: Int, key: String = "k") -> BusHistory.Stored { BusHistory.Stored(name: name, seq: seq, key: key) }

    private func out(_ name: String, token: Int, at milliseconds: Int, _ consumer: String = "a") -> BusHistory.HandOut {
        BusHistory.HandOut(
            group: "g", consumer: consumer, id: "id-" + name, token: token, name: name, asked: milliseconds * Self.ms,
            answered: (milliseconds + 5) * Self.ms)
    }

    private func word(_ name: String, _ token: Int, _ action: BusHistory.Word.Action, at milliseconds: Int, done: Bool = true) -> BusHistory.Word {
        BusHistory.Word(
            group: "g", id: "id-" + name, token: token, action: action, asked: milliseconds * Self.ms, answered: (milliseconds + 5) * Self.ms,
            isDone: done)
    }

    private func group(effects: [String], dead: Set<String> = [], isOrdered: Bool = true) -> BusHistory.Group {
        BusHistory.Group(
            logs: ["t"], isOrdered: isOrdered, lease: Self.lease, dead: dead,
            effects: effects.map { BusHistory.Effect(name: $0, id: "id-" + $0) })
    }

    private func violations(_ change: (inout BusHistory) -> Void) -> [String] {
        var history = good()
        change(&history)
        return history.violations()
    }

    private func violations(inLog change: (inout BusHistory.Log) -> Void) -> [String] {
        violations { history in
            _ = history.logs["t"].map { log in
                var log = log
                change(&log)
                history.logs["t"] = log
            }
        }
    }

    @Test("a good history has no violations")
    func nothing() { #expect(good().violations().isEmpty, "\(good().violations())") }

    @Test("logs: acknowledged and not there, stored twice, elsewhere, with holes, out of a writer's order")
    func logs() {
        #expect(violations(inLog: { $0.events.removeLast() }) == ["t: w-1 was acknowledged and is not there"])
        #expect(violations(inLog: { $0.events.append(stored("w-1", 3)) }).contains("t: w-1 is stored twice, at 2 and 3"))
        #expect(violations { $0.written[1].seq = 7 } == ["t: w-1 was acknowledged at 7 and stands at 2"])
        #expect(violations(inLog: { $0.events[1].seq = 3 }).contains("t: its places have holes"))
        let swapped = violations {
            $0.written = []
            $0.logs["t"]?.events = [stored("w-1", 1, key: "x"), stored("w-0", 2, key: "y")]
        }
        #expect(swapped == ["t: w-0 stands after w-1"])
    }

    @Test("a log that keeps less owes nothing of before")
    func trimmed() {
        #expect(violations { $0.logs["t"] = BusHistory.Log(events: [stored("w-1", 2)], isTrimmed: true) }.isEmpty)
        #expect(violations { $0.logs["t"] = BusHistory.Log(events: [stored("w-0", 1)], isTrimmed: true) }.count == 1)
    }

    @Test("groups: not finished, said to be lost, without effect, with two effects")
    func groups() {
        #expect(violations { $0.groups["g"]?.unfinished = 1 } == ["g: 1 events are not finished"])
        #expect(violations { $0.groups["g"]?.lost = 2 } == ["g: it says that it lost 2 events"])
        #expect(violations { _ = $0.groups["g"]?.effects.removeLast() } == ["g: w-1 was acknowledged to its writer and nobody finished it"])
        #expect(violations { $0.groups["g"] = group(effects: ["w-0"], dead: ["w-1"]) }.isEmpty)
        #expect(
            violations { $0.groups["g"] = group(effects: ["w-0", "w-1", "w-1"]) }
                == ["g: the delivery id-w-1 of w-1 took effect twice", "g: w-1 took effect 2 times"])
        #expect(
            violations { $0.groups["g"]?.effects.append(BusHistory.Effect(name: "w-1", id: "another")) } == ["g: w-1 took effect 2 times"])
    }

    @Test("fencing: a word of who lost the event takes effect")
    func fencing() {
        for action in [BusHistory.Word.Action.acknowledge, .extend, .giveBack] {
            let found = violations { $0.words.append(word("w-1", 2, action, at: 710)) }
            #expect(found.contains { $0.contains("with 2 took effect after b had got it with 3") }, "\(found)")
            #expect(violations { $0.words.append(word("w-1", 2, action, at: 710, done: false)) }.isEmpty)
        }
        // Before the heir had it, nobody can say who was first.
        #expect(violations { $0.words.append(word("w-1", 2, .extend, at: 150)) }.isEmpty)
        // Nobody knows what came of it.
        #expect(
            violations {
                var open = word("w-1", 2, .acknowledge, at: 710)
                (open.answered, open.isDone) = (nil, false)
                $0.words.append(open)
            }.isEmpty)
    }

    @Test("two holders: handed out before the lease is over, which extending moves and giving back ends")
    func leases() {
        let early = violations { $0.handOuts[2] = out("w-1", token: 3, at: 300, "b") }
        #expect(early == ["g: w-1 (id-w-1): b got it 295 ms before the lease of a was over"])
        let given = violations {
            $0.handOuts[2] = out("w-1", token: 3, at: 300, "b")
            $0.words.append(word("w-1", 2, .giveBack, at: 250))
        }
        #expect(given.isEmpty, "\(given)")
        let extended = violations { $0.words.append(word("w-1", 2, .extend, at: 400)) }
        #expect(extended == ["g: w-1 (id-w-1): b got it 195 ms before the lease of a was over"])
        #expect(violations { $0.words.append(word("w-1", 2, .extend, at: 400, done: false)) }.isEmpty)
        #expect(violations { $0.handOuts[2].token = 2 }.contains("g: w-1 (id-w-1): a and b have the same token 2"))
    }

    @Test("what was acknowledged comes again, or is acknowledged twice")
    func again() {
        let found = violations { $0.handOuts.append(out("w-0", token: 9, at: 5000, "b")) }
        #expect(found == ["g: w-0 (id-w-0): handed out to b after it was acknowledged with 1"])
        let twice = violations {
            $0.handOuts.append(out("w-0", token: 9, at: 52, "b"))
            $0.words.append(word("w-0", 9, .acknowledge, at: 60))
        }
        #expect(twice.contains("g: w-0 (id-w-0): acknowledged with 1 and with 9"))
        // Who asked before it was acknowledged may hear of it after that.
        let late = violations {
            $0.words.removeFirst()
            $0.handOuts[0] = out("w-0", token: 1, at: -600)
            var slow = out("w-0", token: 2, at: 40, "b")
            slow.answered = 90 * Self.ms
            $0.handOuts.append(slow)
        }
        #expect(late.isEmpty, "\(late)")
    }

    @Test("order: the next of a key is handed out before the one before it is finished")
    func order() {
        let found = violations { $0.words[1] = word("w-0", 1, .acknowledge, at: 300) }
        #expect(found == ["g: a got w-1 before w-0 was finished"])
        #expect(violations { $0.words.remove(at: 1) }.contains("g: a got w-1 before w-0 was finished"))
        #expect(
            violations {
                $0.words.remove(at: 1)
                $0.groups["g"] = group(effects: ["w-1"], dead: ["w-0"])
            }.isEmpty)
        #expect(
            violations {
                $0.words[1] = word("w-0", 1, .acknowledge, at: 300)
                $0.logs["t"] = BusHistory.Log(events: [stored("w-0", 1, key: "other"), stored("w-1", 2)])
            }.isEmpty)
        #expect(
            violations {
                $0.words[1] = word("w-0", 1, .acknowledge, at: 300)
                $0.groups["g"] = group(effects: ["w-0", "w-1"], isOrdered: false)
            }.isEmpty)
    }

    @Test("a server that took over may not know what was handed out before, and knows all that was written")
    func takeover() {
        let takeover = (600 * Self.ms)...(650 * Self.ms)
        let forgotten = violations {
            $0.takeovers = [takeover]
            $0.handOuts.append(out("w-0", token: 9, at: 5000, "b"))
            $0.groups["g"]?.effects.append(BusHistory.Effect(name: "w-1", id: "another"))
        }
        #expect(forgotten.isEmpty, "\(forgotten)")
        #expect(
            violations {
                $0.takeovers = [takeover]
                _ = $0.logs["t"]?.events.removeLast()
            } == ["t: w-1 was acknowledged and is not there"])
        let before = violations {
            $0.takeovers = [takeover]
            $0.handOuts.append(out("w-0", token: 9, at: 200, "b"))
        }
        #expect(before == ["g: w-0 (id-w-0): handed out to b after it was acknowledged with 1"])
    }

    @Test("what processes wrote is read as it was said; a line that a death cut off is nothing, any other that cannot be read an error")
    func lines() throws {
        var open = word("w-0", 1, .acknowledge, at: 50)
        (open.answered, open.isDone) = (nil, false)
        var unknown = out("w-1", token: 2, at: 100)
        unknown.asked = nil
        let lines: [BusHistory.Line] = [
            .written(written("w-0", 1)), .handedOut(out("w-0", token: 1, at: 0)), .handedOut(unknown), .said(open),
            .said(word("w-0", 1, .acknowledge, at: 50)), .error("two\nlines"),
        ]
        var history = BusHistory()
        history.add(lines.map(\.text).joined() + "handed-out g a id")
        #expect(history.written == [written("w-0", 1)])
        #expect(history.handOuts == [out("w-0", token: 1, at: 0), unknown])
        #expect(history.words == [word("w-0", 1, .acknowledge, at: 50)])
        #expect(history.errors == ["two lines"])
        history.add("nonsense\n")
        #expect(history.errors.count == 2)
        #expect(history.violations() == history.errors.map { "an error that no process should meet: \($0)" })
    }
}
