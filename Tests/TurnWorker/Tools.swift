import BatonCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Goes through the same tool calls as the other workers, one key after the other, and tells what each gave: session, key, result.
///
/// The effect is a line in a file that all of them append to. The call and its result are events of the session, so a worker that is killed in between leaves
/// half a round. Now and then the tool fails before it does anything.
struct Tools {
    let session: Session
    let holder: String
    let effects: String
    let hold: Duration

    private struct Failure: Error {}

    func run() async {
        let file = open(effects, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        defer { close(file) }
        var number = 0
        while true {
            let key = "k\(number)"
            do {
                let result = try await session.tool(key, arguments: JSON(string: key), holder: holder, hold: hold) { _ in
                    let nonce = "\(holder)-\(UInt64.random(in: 0...UInt64.max))"
                    try await tell(#"[{"type":"tool_use","id":"\#(nonce)","name":"\#(key)"}]"#, as: "assistant")
                    await TurnWorker.pause(0...2000)
                    if Int.random(in: 0..<8) == 0 { throw Failure() }
                    TurnWorker.say("\(session.key.id) \(key) \(nonce)", to: file)
                    await TurnWorker.pause(0...2000)
                    // It has happened, whether that can be told or not: an error now would say that it has not.
                    try? await tell(#"[{"type":"tool_result","tool_use_id":"\#(nonce)","content":"done"}]"#, as: "user")
                    return JSON(string: nonce)
                }
                TurnWorker.say("\(session.key.id) \(key) \(result.stringValue ?? "?")")
                number += 1
            } catch {
                // Somebody was lost with this one: it is for those who know to say how it ended.
                if (error as? StoreError)?.code == .conflict { number += 1 }
                await TurnWorker.pause(500...3000)
            }
        }
    }

    private func tell(_ content: String, as author: String) async throws {
        try await session.append(NewEvent(try JSON(parsing: content), author: author, role: author))
    }
}
