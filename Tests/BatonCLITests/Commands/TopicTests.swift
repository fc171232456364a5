import BatonCore
import BatonTesting
import Glibc
import Testing

/// The event bus on the command line, as shells and scripts use it: real processes on one file.
@Suite("baton topics", .timeLimit(.minutes(5)))
struct TopicTests {
    /// A store of its own, and commands on it.
    struct Bus {
        let store: String
        let directory: String

        @discardableResult
        func run(_ line: String, input: String = "") async throws -> BatonProcess.Result {
            try await BatonProcess.run(line, store: store, input: input)
        }

        @discardableResult
        func run(_ words: [String], input: String = "") async throws -> BatonProcess.Result {
            try await BatonProcess.run(words, store: store, input: input)
        }

        func publish(_ count: Int, key: String? = nil, to topic: String = "orders") async throws {
            let key = key.map { #","key":"\#($0)""# } ?? ""
            let input = (1...count).map { #"{"type":"placed"\#(key),"data":\#($0)}"# + "\n" }.joined()
            try #require(await run("topics publish \(topic)", input: input).status == 0)
        }

        func group() async throws -> JSON { try await run("topics group show orders g").json()[0] }

        func exec(_ command: String, _ options: String...) async throws -> BatonProcess.Result {
            try await run(["topics", "deliveries", "orders", "g", "--exec", command] + options)
        }
    }

    private func withBus(_ body: (Bus) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in try await body(Bus(store: "sqlite:\(directory)/a.db", directory: directory)) }
    }

    // MARK: - Publishing and reading

    @Test("what is published is read back byte for byte, once however often it is sent")
    func publishing() async throws {
        try await withBus { bus in
            let input = #"{"id":"a","type":"placed","key":"17","data":{"total": 5.0}}"# + "\n\n" + #"{"type":"paid","data":"x"}"# + "\n"
            let first = try await bus.run("topics publish orders", input: input).json()
            #expect(first.map { $0["seq"]?.intValue } == [1, 2])
            let again = try await bus.run("topics publish orders", input: input).json()
            #expect(again.map { $0["duplicate"]?.description } == ["true", "false"])
            #expect(again.map { $0["seq"]?.intValue } == [1, 3])
            #expect(try await bus.run(["topics", "publish", "orders", "--type", "paid", "--key", "18", "--data", "no JSON"]).status == 0)
            let named = "topics publish orders --idempotency-key k --type paid --data 1"
            #expect(try await bus.run(named).json()[0]["duplicate"]?.description == "false")
            #expect(try await bus.run(named).json()[0]["duplicate"]?.description == "true")
            let events = try await bus.run("topics events orders").json()
            #expect(events.map { $0["data"]?.description } == [#"{"total": 5.0}"#, #""x""#, #""x""#, #""no JSON""#, "1"])
            #expect(events.map { $0["key"]?.stringValue } == ["17", nil, nil, "18", nil])
            #expect(try await bus.run("topics events orders --types placed --limit 1").json().map { $0["id"]?.stringValue } == ["a"])
            #expect(try await bus.run("topics events orders --key 18").lines.count == 1)
            let after = try #require(events[2]["offset"]?.stringValue)
            #expect(try await bus.run("topics events orders --after \(after)").json().map { $0["seq"]?.intValue } == [4, 5])
            #expect(try await bus.run("topics events orders --after 1h").lines.count == 5)
        }
    }

    @Test(
        "what is wrong is said with the line it stands in, and nothing of it is published",
        arguments: [
            (#"{"type":"a"}"#, 65), (#"{"data":1}"#, 65), (#"{"type":"a","data":1,"sequence":1}"#, 65), ("{", 65),
        ])
    func refusals(line: String, status: Int32) async throws {
        try await withBus { bus in
            let result = try await bus.run("topics publish orders", input: #"{"type":"a","data":1}"# + "\n" + line)
            #expect(result.status == status)
            #expect(result.errors.contains("standard input, line 2"))
            #expect(try await bus.run("topics events orders").lines.count == 1)
        }
    }

    @Test("names and options that cannot be are refused with an exit code that says why")
    func usage() async throws {
        try await withBus { bus in
            try await bus.publish(1)
            let expected: [(String, Int32)] = [
                ("topics publish sessions --type a", 77), ("topics publish orders --data 1", 64), ("topics publish orders --type a file", 64),
                ("topics events absent", 66), ("topics show absent", 66), ("topics group show orders absent", 66), ("topics delete sessions", 77),
                ("topics deliveries orders absent", 66), ("topics deliveries orders g --ack --exec true", 64),
                ("topics deliveries orders g --concurrency 2", 64), ("topics redrive orders g", 64), ("topics redrive orders g x --all", 64),
                ("topics group create orders g --max-deliveries 0", 64), ("topics group position orders g ''", 66),
                ("topics events orders --after 0001795278465415_0000000000000099", 66), ("topics events orders --after nonsense", 65),
                ("topics retain sessions --policy safe", 65), ("topics retain orders --max-events 0", 65), ("topics retain orders --max-age 1ms", 64),
            ]
            for (line, status) in expected {
                let result = try await bus.run(line)
                #expect(result.status == status, "\(line): \(result.errors)")
                #expect(!result.errors.isEmpty)
            }
        }
    }

    @Test("tail sees what other processes publish, from where it is told on")
    func tailing() async throws {
        try await withBus { bus in
            let tail = try BatonProcess.start(["topics", "tail", "orders", "--types", "placed", "--count", "60"], store: bus.store)
            defer { tail.send(signal: SIGKILL) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...3 { group.addTask { try await bus.publish(20) } }
                group.addTask { _ = try await bus.run("topics publish orders --type other --data 1") }
                try await group.waitForAll()
            }
            #expect(await tail.exit() == 0)
            let seen = try String(decoding: tail.output, as: UTF8.self).split(separator: "\n").map { try JSON(parsing: String($0)) }
            let seqs = seen.compactMap { $0["seq"]?.intValue }
            #expect(seqs.count == 60)
            #expect(seqs == seqs.sorted() && Set(seqs).isSubset(of: 1...61))
        }
    }

    @Test("the topic sessions shows what happens in sessions, by app and kind")
    func sessionsTopic() async throws {
        try await withBus { bus in
            try await bus.run("append --create demo/ann/first --role user --content Hello")
            try await bus.run("append --create other/ann/first --role user --content Hello")
            let events = try await bus.run("topics events sessions --app demo --types session.event").json()
            #expect(events.count == 1)
            #expect(events.first?["key"]?.stringValue == "demo/ann/first")
            #expect(events.first?["data"]?["event"]?["content"]?.stringValue == "Hello")
            #expect(try await bus.run("topics events sessions --app demo").json().first?["type"]?.stringValue == "session.created")
        }
    }

    @Test("a topic keeps what it is told to, and under safe a group that is behind holds publishers up")
    func retention() async throws {
        try await withBus { bus in
            try await bus.publish(3)
            try await bus.run("topics group create orders g --from start")
            let topic = try await bus.run("topics retain orders --max-events 3 --max-age none").json()[0]
            #expect(topic["retention"]?.description == #"{"maxEvents":3,"maxBytes":null,"maxAgeSeconds":null,"policy":"safe"}"#)
            let refused = try await bus.run("topics publish orders --type a --data 1 --retry 0s")
            #expect(refused.status == 75)
            #expect(refused.errors.contains("too_many_requests"))
            let waiting = try BatonProcess.start(["topics", "publish", "orders", "--type", "late", "--data", "1"], store: bus.store)
            try await eventually("it is told that the topic is full") { String(decoding: waiting.errors, as: UTF8.self).contains("trying again") }
            try await bus.run("topics deliveries orders g --ack")
            #expect(await waiting.exit() == 0)
            #expect(try await bus.run("topics events orders").json().map { $0["seq"]?.intValue } == [2, 3, 4])
            try await bus.run("topics retain orders --policy strict")
            try await bus.publish(2)
            try await bus.publish(3)
            #expect(try await bus.run("topics deliveries orders g --ack").errors.contains("3 events were trimmed"))
        }
    }

    @Test("topics and groups are listed, shown and deleted")
    func inventory() async throws {
        try await withBus { bus in
            try await bus.publish(2)
            try await bus.publish(1, to: "b")
            #expect(try await bus.run("topics list").json().compactMap { $0["name"]?.stringValue } == ["b", "orders", "sessions"])
            try await bus.run("topics group create orders g --from start --ordered --lease 1m --backoff 2s --max-deliveries 3")
            let group = try await bus.run("topics groups orders").json()[0]
            #expect(group["lag"]?.intValue == 2)
            #expect(group["ordered"]?.description == "true")
            #expect(["leaseSeconds", "backoff", "maxDeliveries"].map { group[$0]?.intValue } == [60, 2, 3])
            #expect(try await bus.run("topics group position orders g now").json()[0]["lag"]?.intValue == 0)
            #expect(try await bus.run("topics group position orders g 1h").json()[0]["lag"]?.intValue == 2)
            #expect(try await bus.run("topics group delete orders g").json()[0]["deleted"]?.description == "true")
            #expect(try await bus.run("topics groups orders").lines.isEmpty)
            #expect(try await bus.run("topics delete orders b absent").json().map { $0["deleted"]?.description } == ["true", "true", "false"])
            #expect(try await bus.run("topics list").json().compactMap { $0["name"]?.stringValue } == ["sessions"])
        }
    }

    // MARK: - Consuming

    @Test("what is printed is held until it is settled by id and token, and only its consumer may")
    func settling() async throws {
        try await withBus { bus in
            try await bus.publish(3)
            try await bus.run("topics group create orders g --from start")
            let held = try await bus.run("topics deliveries orders g --consumer c --max 2").json()
            #expect(held.map { $0["event"]?["data"]?.intValue } == [1, 2])
            #expect(try await bus.run("topics pending orders g").json().map { $0["consumer"]?.stringValue } == ["c", "c"])
            let words = held.map { [$0["id"]?.stringValue ?? "", $0["token"]?.stringValue ?? ""] }
            #expect(try await bus.run(["topics", "ack", "orders", "g"] + words[0]).status == 77)
            #expect(try await bus.run(["topics", "ack", "orders", "g", "--consumer", "c"] + words[0]).status == 0)
            #expect(try await bus.run(["topics", "ack", "orders", "g", "--consumer", "c"] + words[0]).status == 77)
            let back = ["topics", "nack", "orders", "g", "--consumer", "c", "--delay", "0s", "--reason", "not now"]
            #expect(try await bus.run(back + words[1]).status == 0)
            let again = try await bus.run("topics deliveries orders g --consumer d --max 1").json()[0]
            #expect(again["id"]?.stringValue == words[1][0])
            #expect(again["attempt"]?.intValue == 2)
            let dead = ["topics", "nack", "orders", "g", "--consumer", "d", "--dead", "--reason", "never"]
            #expect(try await bus.run(dead + [words[1][0], again["token"]?.stringValue ?? ""]).status == 0)
            let letter = try await bus.run("topics dead orders g").json()[0]
            #expect(letter["reason"]?.stringValue == "never")
            #expect(letter["history"]?.elements?.compactMap { $0["reason"]?.stringValue } == ["not now", "never"])
            #expect(try await bus.run("topics deliveries orders g --ack").json().map { $0["event"]?["data"]?.intValue } == [3])
            #expect(try await bus.group()["pending"]?.intValue == 0)
        }
    }

    @Test("a command gets the event on its input and settles it by its exit code")
    func commands() async throws {
        try await withBus { bus in
            try await bus.publish(4, key: "k 1")
            try await bus.run("topics group create orders g --from start --max-deliveries 2 --backoff 0s")
            let script = """
                data=$(sed 's/.*"data"://; s/}$//')
                echo "$data $BATON_TOPIC $BATON_TYPE $BATON_KEY $BATON_ATTEMPT"
                case $data in 2) exit 65;; 3) [ "$BATON_ATTEMPT" = 2 ];; 4) kill -TERM $$;; esac
                """
            let result = try await bus.exec(script)
            #expect(result.status == 75)
            #expect(
                result.lines.sorted() == [
                    "1 orders placed k 1 1", "2 orders placed k 1 1", "3 orders placed k 1 1", "3 orders placed k 1 2", "4 orders placed k 1 1",
                    "4 orders placed k 1 2",
                ])
            let dead = try await bus.run("topics dead orders g").json()
            #expect(dead.map { $0["event"]?["data"]?.intValue } == [2, 4])
            #expect(dead.map { $0["reason"]?.stringValue } == ["the command ended with 65", "the command was ended by signal 15"])
            // Put back, they are handed out as if for the first time.
            let id = try #require(dead[0]["id"]?.stringValue)
            let redriven = try await bus.run("topics redrive orders g \(id) unknown")
            #expect(redriven.status == 66)
            #expect(redriven.json0?["redriven"]?.intValue == 1)
            #expect(try await bus.run("topics redrive orders g --all").json0?["redriven"]?.intValue == 1)
            #expect(try await bus.exec("cat >/dev/null; echo $BATON_ATTEMPT").lines == ["1", "1"])
            let group = try await bus.group()
            #expect(["lag", "pending", "dead"].map { group[$0]?.intValue } == [0, 0, 0])
        }
    }

    @Test("dead letters are discarded, the oldest first where a number is given")
    func discarding() async throws {
        try await withBus { bus in
            try await bus.publish(3)
            try await bus.run("topics group create orders g --from start")
            #expect(try await bus.exec("exit 65").status == 75)
            #expect(try await bus.run("topics discard orders g --oldest 1").json0?["discarded"]?.intValue == 1)
            #expect(try await bus.run("topics dead orders g").json().map { $0["event"]?["data"]?.intValue } == [2, 3])
            #expect(try await bus.run("topics discard orders g --all").json0?["discarded"]?.intValue == 2)
            #expect(try await bus.run("topics dead orders g").lines.isEmpty)
        }
    }

    @Test("a command need not read its input, and may run longer than the lease")
    func longCommands() async throws {
        try await withBus { bus in
            let big = String(repeating: "x", count: 500_000)
            #expect(try await bus.run("topics publish orders", input: #"{"type":"a","data":"\#(big)"}"#).status == 0)
            try await bus.run("topics group create orders g --from start --lease 300ms")
            let result = try await bus.exec("sleep 1.5; echo $BATON_ATTEMPT", "--wait", "1s")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.lines == ["1"])
        }
    }

    @Test("it ends after the number of events that it is told, also several at once")
    func counting() async throws {
        try await withBus { bus in
            try await bus.publish(10)
            try await bus.run("topics group create orders g --from start")
            #expect(try await bus.exec("echo done", "--count", "3", "--follow", "--concurrency", "2").lines.count == 3)
            #expect(try await bus.run("topics deliveries orders g --ack --follow --count 4 --max 3").lines.count == 4)
            let group = try await bus.group()
            #expect(group["lag"]?.intValue == 3)
            #expect(group["pending"]?.intValue == 0)
        }
    }

    @Test("workers share a group: each event once, a key's events in their order")
    func sharing() async throws {
        try await withBus { bus in
            for key in ["a", "b", "c"] { try await bus.publish(8, key: key) }
            try await bus.run("topics group create orders g --from start --ordered")
            let workers = try (1...3).map { number in
                try BatonProcess.start(
                    [
                        "topics", "deliveries", "orders", "g", "--consumer", "w\(number)", "--follow", "--concurrency", "2", "--exec",
                        "data=$(sed 's/.*\"data\"://; s/}$//'); echo $BATON_KEY $data >>\(bus.directory)/log",
                    ], store: bus.store)
            }
            defer { for worker in workers { worker.send(signal: SIGKILL) } }
            try await eventually("everything is done") {
                let group = try await bus.group()
                return group["lag"]?.intValue == 0 && group["pending"]?.intValue == 0
            }
            for worker in workers { #expect(await worker.stop(patience: .seconds(30)) == 0) }
            let log = try await ChildProcess.run("cat", ["\(bus.directory)/log"]).output.split(separator: "\n").map(String.init)
            #expect(log.count == 24)
            for key in ["a", "b", "c"] { #expect(log.filter { $0.hasPrefix(key) } == (1...8).map { "\(key) \($0)" }) }
        }
    }

    @Test("told to end, a worker lets its command end and settles it; killed, its event comes again to another")
    func ending() async throws {
        try await withBus { bus in
            try await bus.publish(2)
            try await bus.run("topics group create orders g --from start --lease 1s")
            let command = "touch \(bus.directory)/begun; while [ ! -e \(bus.directory)/go ]; do sleep 0.02; done; echo $BATON_ATTEMPT"
            func start() async throws -> ChildProcess {
                let worker = try BatonProcess.start(["topics", "deliveries", "orders", "g", "--follow", "--exec", command], store: bus.store)
                try await eventually("its command runs") { access("\(bus.directory)/begun", F_OK) == 0 }
                return worker
            }
            let killed = try await start()
            killed.send(signal: SIGKILL)
            unlink("\(bus.directory)/begun")
            // The shell of the killed worker holds its output until it ends.
            close(creat("\(bus.directory)/go", 0o600))
            await killed.exit()
            unlink("\(bus.directory)/go")
            let told = try await start()
            told.send(signal: SIGTERM)
            close(creat("\(bus.directory)/go", 0o600))
            #expect(await told.exit() == 0)
            #expect(told.output.count { $0 == 0x0A } == 1)
            #expect(try await bus.exec("echo $BATON_ATTEMPT", "--wait", "5s").lines.count == 1)
            let group = try await bus.group()
            #expect(["lag", "pending", "dead"].map { group[$0]?.intValue } == [0, 0, 0])
        }
    }

    // MARK: - Signals

    @Test("a signal reaches those who listen on other processes, and nobody later")
    func signals() async throws {
        try await withBus { bus in
            let listeners = try (1...2).map { _ in try BatonProcess.start(["signals", "listen", "deploys", "--count", "2"], store: bus.store) }
            defer { for listener in listeners { listener.send(signal: SIGKILL) } }
            try await eventually("both listen") { listeners.allSatisfy { String(decoding: $0.errors, as: UTF8.self).contains("listening") } }
            #expect(try await bus.run(["signals", "send", "deploys", #"{"version": 7}"#]).status == 0)
            #expect(try await bus.run("signals send other unheard").status == 0)
            #expect(try await bus.run("signals send deploys word").status == 0)
            for listener in listeners {
                #expect(await listener.exit() == 0)
                #expect(String(decoding: listener.output, as: UTF8.self) == "{\"version\": 7}\n\"word\"\n")
            }
        }
    }
}

extension BatonProcess.Result {
    /// The first line as JSON.
    fileprivate var json0: JSON? { try? json().first }
}
