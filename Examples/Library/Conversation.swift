// A worker picks up a conversation where another put it down.
//
//     swift run Conversation [sqlite:PATH | sqlite::memory: | http://DAEMON]

import Baton

@main
enum Conversation {
    static func main() async throws {
        let store = try await SessionStore.open(CommandLine.arguments.dropFirst().first ?? "sqlite::memory:")
        let session = try store.session("order-17", user: "ada", app: "support")
        try await session.delete()

        // The first worker. An id makes an append safe to repeat: sent twice, stored once.
        let question = NewEvent.message("Where is my order?", role: "user", id: "turn-1")
        try await session.append(question, creating: true)
        let receipt = try await session.append(question)
        print("sent twice, stored once: \(receipt.isDuplicate)")

        // Somebody watches: what is there, then what comes.
        let watcher = Task {
            for try await event in session.follow() {
                print("#\(event.seq) \(event.role ?? "?"): \(event.content)")
                if event.type == "done" { break }
            }
        }

        // Another worker goes on from what it finds. State commits with the event that caused it.
        let snapshot = try await session.snapshot(last: 20)
        var answer = NewEvent.message("It left the warehouse this morning.", role: "assistant", author: "courier-bot")
        answer.stateDelta = ["order": try JSON(parsing: #"{"id":17,"status":"sent"}"#), "user:lastTopic": JSON(string: "orders")]
        try await session.append(answer, expectedSeq: snapshot.record.lastSeq)

        // A third one has not seen that answer: it is told, and stores nothing.
        do {
            try await session.append(.message("Let me look.", role: "assistant"), expectedSeq: snapshot.record.lastSeq)
        } catch {
            guard error.code == .preconditionFailed else { throw error }
            print("refused: \(error.message)")
        }

        try await session.append(NewEvent(.null, role: "system", type: "done"))
        try await watcher.value
        print("state: \(try await session.state()["order"]?.description ?? "none")")
        await store.close()
    }
}
