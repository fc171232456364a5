import BatonCore
import BatonTesting
import Testing

/// The same commands on a file and through a daemon.
@Suite("A command does the same on a file and through a daemon")
struct BothStoresTests {
    /// A command line, what it reads, and how it ends.
    struct Step {
        let words: [String]
        var input = ""
        var status: Int32 = 0

        init(_ line: String, input: String = "", status: Int32 = 0) {
            words = line.split(separator: " ").map(String.init)
            self.input = input
            self.status = status
        }

        init(words: [String], status: Int32 = 0) {
            self.words = words
            self.status = status
        }
    }

    /// A content that is kept apart from its event.
    static let large = JSON(string: String(repeating: "large ", count: 20_000))

    static let script: [Step] = [
        Step("sessions create demo/ann/first --title Start --tag a --tag b --ttl 1d"),
        Step("sessions create demo/ann/first", status: 65),
        Step("sessions create demo/ann/first --if-exists return"),
        Step(words: ["sessions", "create", "demo/ann/with%2Fslash", "--metadata", #"{"k":{"n":[1,2.50]}}"#, "--state", #"{"user:lang":"de","x":1}"#]),
        Step("sessions update demo/ann/first --status paused --if-match 1"),
        Step("sessions update demo/ann/first --status paused --if-match 1", status: 65),
        Step(words: ["sessions", "update", "demo/ann/first", "--title", "", "--ttl", "never", "--active-agent", "planner"]),
        Step("append demo/ann/first", input: #"{"id":"e1","role":"user","content":"Grüß Gott"}"# + "\n" + #"{"id":"e2","content":{"a":1.0}}"# + "\n"),
        Step("append demo/ann/first", input: #"{"id":"e2","content":"again"}"# + "\n\n" + #"{"id":"e3","role":"tool","content":null}"#),
        Step("append demo/ann/first --if-match 2 --content late", status: 65),
        Step("append demo/ann/first --if-match 3 --content seen --role assistant --author planner --type message --id e4"),
        Step("append demo/ann/first", input: #"{"id":"e5","content":1,"stateDelta":{"app:n":1,"user:n":2,"n":3,"temp:n":4}}"#),
        Step("append demo/ann/absent --content x", status: 66),
        Step("append --create demo/bob/made --content x --id only"),
        Step("append demo/ann/first", input: #"{"contents":1}"#, status: 65),
        Step("append demo/ann/first", input: "{\"content\":1}\n{not json\n", status: 65),
        Step("events demo/ann/first --limit 2"),
        Step("events demo/ann/first --order desc --limit 2 --before 4"),
        Step("events demo/ann/first --roles user,tool --after 1"),
        Step("events demo/ann/absent", status: 66),
        Step("events demo/ann/first --after 99", status: 66),
        Step("tail demo/ann/first --count 3"),
        Step("tail demo/ann/first --after 1 --until-seq 4 --roles tool"),
        Step("tail demo/ann/first --last 1 --count 1"),
        Step("tail demo/ann/absent", status: 66),
        Step("append --create demo/bob/large", input: #"{"id":"l","role":"tool","content":\#(large)}"# + "\n" + #"{"content":"small"}"#),
        Step("events demo/bob/large"),
        Step("events demo/bob/large --blobs reference"),
        Step("blob demo/bob/large \(BlobDigest(of: large.bytes))"),
        Step("blob demo/ann/first \(BlobDigest(of: large.bytes))", status: 66),
        Step("blob demo/bob/large 0af9", status: 64),
        Step("tools list demo/ann/first"),
        Step("tools show demo/ann/first absent", status: 66),
        Step("tools resolve demo/ann/first absent completed", status: 66),
        Step("tools resolve demo/ann/first absent maybe", status: 64),
        Step(words: ["approvals", "ask", "demo/ann/first", "pay", #"{"amount":5}"#, "--decider", "ann"]),
        Step(words: ["approvals", "ask", "demo/ann/first", "pay", #"{"amount":6}"#], status: 65),
        Step("approvals list demo/ann/first --status pending"),
        Step("approvals decide demo/ann/first pay approved", status: 64),
        Step("approvals decide demo/ann/first pay approved --by bob", status: 77),
        Step("approvals decide demo/ann/first pay approved --by ann --comment fine"),
        Step("approvals decide demo/ann/first pay rejected --by ann", status: 65),
        Step("approvals list demo/ann/first"),
        Step("context demo/ann/first"),
        Step("context demo/ann/first --max-tokens 60 --reserve 10 --any-first"),
        Step("context demo/ann/first --max-tokens 1", status: 65),
        Step("context demo/ann/first --reserve 1", status: 65),
        Step("context demo/ann/absent", status: 66),
        Step("tracks list demo/ann/first"),
        Step(words: ["tracks", "append", "demo/ann/first", "thoughts", "--content", "ask first", "--id", "t1"]),
        Step("tracks append demo/ann/first thoughts", input: #"{"id":"t1","content":"again"}"# + "\n" + #"{"id":"t2","content":{"n":1.0}}"# + "\n"),
        Step("tracks append demo/ann/first thoughts", input: #"{"content":1,"stateDelta":{"n":1}}"#, status: 65),
        Step("tracks append demo/ann/first trace --ttl 1d --content x --id x"),
        Step("tracks append demo/ann/absent trace --content x", status: 66),
        Step("tracks read demo/ann/first thoughts --after 1"),
        Step("tracks read demo/ann/first thoughts --after 9", status: 66),
        Step("tracks read demo/ann/first thoughts --follow --limit 2"),
        Step("tracks read demo/ann/first nobody"),
        Step("tracks list demo/ann/first --events 1"),
        Step("tracks delete demo/ann/first trace"),
        Step("tracks list demo/ann/first"),
        Step("doctor --session demo/ann/first"),
        Step("state get demo/ann/first"),
        Step("state get demo/ann/first user:n"),
        Step("state get demo/ann/first nothing", status: 66),
        Step(words: ["state", "set", "demo/ann/first", "user:limits", #"{"calls": 5}"#]),
        Step("state set demo/ann/first city Vienna"),
        Step("state set demo/ann/first --text number 12"),
        Step("state set demo --scope app flag null"),
        Step("state get demo --scope app"),
        Step("state get demo/ann --scope user"),
        Step("state get demo/ann/first --scope session"),
        Step("state delete demo/ann/first city user:limits nothing"),
        Step("state get demo/ann/first"),
        Step("sessions show demo/ann/first --events 2"),
        Step("sessions list demo/ann --order created"),
        Step("sessions list demo --limit 1 --status paused"),
        Step("sessions list demo/ann --tag b"),
        Step("sessions create demo/eve/turns --lease-policy exclusive"),
        Step("lease show demo/eve/turns"),
        Step("lease acquire demo/eve/turns", status: 64),
        Step("lease acquire demo/eve/turns --holder one --ttl 5m"),
        Step("lease show demo/eve/turns"),
        Step("lease acquire demo/eve/turns --holder two", status: 75),
        Step("append demo/eve/turns --retry 0s --content x", status: 75),
        Step("append demo/eve/turns --epoch 7 --content x", status: 77),
        Step("state set demo/eve/turns --epoch 7 k v", status: 77),
        Step("sessions update demo/eve/turns --title x --epoch 7", status: 77),
        Step("sessions delete demo/eve/turns", status: 75),
        Step("sessions handoff demo/eve/turns billing", status: 75),
        Step("lease renew demo/eve/turns --epoch 7", status: 77),
        Step("lease release demo/eve/turns", status: 64),
        Step("lease release demo/eve/turns --epoch 7", status: 77),
        Step("lease acquire demo/eve/turns --holder two --steal --ttl 1s"),
        Step("lease acquire demo/eve/turns --holder three --wait 30s --ttl 1s"),
        Step("sessions create demo/eve/advised --lease-policy advisory"),
        Step("lease acquire demo/eve/advised --holder one --ttl 5m"),
        Step("append demo/eve/advised --content x --id x"),
        Step(words: ["sessions", "handoff", "demo/eve/advised", "billing", "--reason", "an invoice", "--context", #"{"n": 1}"#]),
        Step("sessions handoff demo/eve/advised billing", status: 65),
        Step("sessions handoff demo/eve/advised sales --from triage", status: 65),
        Step("sessions handoff demo/eve/advised sales --from billing"),
        Step("sessions show demo/eve/advised"),
        Step("sessions fork demo/ann/first --at 2 --id second --title Other"),
        Step("sessions fork demo/ann/first --id second", status: 65),
        Step("sessions rewind demo/ann/first 3"),
        Step("sessions rewind demo/ann/first 99", status: 66),
        Step("events demo/ann/first --order desc --limit 2"),
        Step("events demo/ann/first --order desc --limit 2 --view log"),
        Step("sessions lineage demo/ann/first"),
        Step("sessions compare demo/ann/first second"),
        Step("sessions show demo/ann/second"),
        Step("sessions touch demo/ann/first"),
        Step("sessions delete demo/ann/first demo/ann/first"),
        Step("events demo/ann/first", status: 66),
        Step("sessions list demo"),
    ]

    /// The event bus. Every line is run on its own, so nothing is settled by a token; commands settle.
    static let bus: [Step] = [
        Step(
            "topics publish orders",
            input: #"{"id":"e1","type":"placed","key":"a","data":{"total": 5.0}}"# + "\n" + #"{"id":"e2","type":"placed","key":"b","data":"Grüße"}"#),
        Step("topics publish orders", input: #"{"id":"e2","type":"placed","data":1}"# + "\n" + #"{"type":"paid","data":null}"#),
        Step(words: ["topics", "publish", "orders", "--type", "paid", "--key", "a", "--data", "no JSON", "--idempotency-key", "once"]),
        Step(words: ["topics", "publish", "orders", "--type", "paid", "--key", "a", "--data", "no JSON", "--idempotency-key", "once"]),
        Step("topics publish orders --type other --data 1 --idempotency-key once", status: 65),
        Step("topics publish orders", input: #"{"type":"a"}"#, status: 65),
        Step("topics publish sessions --type a", status: 77),
        Step("topics events orders"),
        Step("topics events orders --types paid --key a"),
        Step("topics events orders --limit 1 --after start"),
        Step("topics events orders --after now"),
        Step("topics events absent", status: 66),
        Step("topics events orders --after 0000000000001000_0000000000000002", status: 66),
        Step("topics tail orders --count 2 --types placed"),
        Step("topics show orders"),
        Step("topics show absent", status: 66),
        Step("topics groups orders"),
        Step("topics group show orders g", status: 66),
        Step("topics deliveries orders g", status: 66),
        Step("topics group create orders g --from start --ordered --max-deliveries 2 --backoff 0s"),
        Step("topics group create orders g --from now --lease 1m --ordered --max-deliveries 2 --backoff 0s"),
        Step("topics deliveries orders g --max 1 --ack --consumer c"),
        Step(words: ["topics", "deliveries", "orders", "g", "--exec", "echo $BATON_TYPE $BATON_ATTEMPT; [ $BATON_TYPE = paid ]"], status: 75),
        Step("topics group show orders g"),
        Step("topics dead orders g"),
        Step("topics ack orders g 1_1 1", status: 77),
        Step("topics nack orders g 1_1 1 --dead --reason no", status: 77),
        Step("topics redrive orders g --all"),
        Step("topics pending orders g"),
        Step(words: ["topics", "deliveries", "orders", "g", "--exec", "exit 65"], status: 75),
        Step("topics redrive orders g unknown", status: 66),
        Step("topics discard orders g --oldest 5"),
        Step("topics dead orders g"),
        Step("topics group position orders g start"),
        Step("topics retain orders --max-events 4"),
        Step("topics publish orders --type more --data 1 --retry 0s", status: 75),
        Step("topics group position orders g now"),
        Step("topics publish orders --type more --data 1 --retry 0s"),
        Step("topics events orders"),
        Step("topics retain orders --policy strict --max-age 1h --max-bytes 1MiB"),
        Step("topics retain sessions --policy safe", status: 65),
        Step("topics group delete orders g"),
        Step("topics group delete orders g"),
        Step("topics delete orders orders"),
        Step("topics delete sessions", status: 77),
        Step("topics list"),
        Step("append --create demo/ann/first --content Hello --id m"),
        Step("topics events sessions --app demo --types session.event"),
        Step("topics events sessions --app other"),
        Step("signals send deploys 7"),
    ]

    @Test("the same output, the same errors, the same exit codes", arguments: ["sessions", "the event bus"])
    func sameBehaviour(about subject: String) async throws {
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/served.db") { daemon in
                try await compare(subject == "sessions" ? Self.script : Self.bus, "sqlite:\(directory)/file.db", daemon.url)
            }
        }
    }

    @Test("the event bus, in Redis and through a daemon on one, too")
    func redis() async throws {
        try await RedisServer.with { server in
            let store = "redis://127.0.0.1:\(server.port)"
            try await withDaemon(store: store, ["--key-prefix", "served"]) { daemon in
                try await compare(Self.bus, store, daemon.url)
            }
        }
    }

    private func compare(_ script: [Step], _ first: String, _ second: String) async throws {
        for step in script {
            let direct = try await BatonProcess.run(step.words, store: first, input: step.input)
            let served = try await BatonProcess.run(step.words, store: second, input: step.input)
            let line = step.words.joined(separator: " ")
            #expect(direct.status == step.status, "\(line): \(direct.errors)")
            #expect(served.status == step.status, "\(line): \(served.errors)")
            #expect(Self.timeless(direct.output) == Self.timeless(served.output), "\(line)")
            #expect(Self.timeless(direct.errors) == Self.timeless(served.errors), "\(line)")
        }
    }

    /// What differs from run to run, taken out.
    private static func timeless(_ text: String) -> String {
        text.replacing(/[0-9]{16}_(?=[0-9]{16})/, with: "TIME_")
            .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z/, with: "TIME")
            .replacing(/"generation":"[0-9a-f]{16}"/, with: "GENERATION")
            .replacing(/[0-9]{13}(?![0-9])/, with: "EPOCH")
            .replacing(/"id":"[0-9a-f]{16}-/, with: "\"id\":\"MADE-")
            // In the topic of all sessions on Redis.
            .replacing(/"offset":"v[^"]*"/, with: "OFFSET")
            .replacing(/"tail":"v[^"]*"/, with: "TAIL")
            .replacing(/"id":"[0-9a-z]+-[0-9a-z]{8}-[0-9a-z]+"/, with: "ID")
    }
}
