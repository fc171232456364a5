import Baton
import BatonCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A worker that takes turns in sessions until it is killed: `TurnWorker ADDRESS APP HOLDER SESSIONS PARTS TTL-MILLISECONDS`.
///
/// In every session it waits in line for a turn, stages some events, at random moments, and commits them. Each event says which turn it
/// belongs to and how many there are; every turn that was acknowledged is a line on standard output: session, name of the turn, epoch.
/// Now and then it also writes without staging, showing its epoch.
@main
enum TurnWorker {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 7, let sessions = Int(arguments[4]), let parts = Int(arguments[5]), let ttl = Int(arguments[6]) else {
            print("usage: TurnWorker ADDRESS APP HOLDER SESSIONS PARTS TTL-MILLISECONDS")
            return
        }
        let store = try await SessionStore.open(arguments[1])
        let (app, holder) = (arguments[2], arguments[3])
        await withTaskGroup { group in
            for number in 0..<sessions {
                group.addTask {
                    // The names are right.
                    guard let session = try? store.session("s\(number)", user: "u", app: app) else { return }
                    while true { await turn(in: session, holder, parts, .milliseconds(ttl)) }
                }
            }
        }
    }

    private static func turn(in session: Session, _ holder: String, _ parts: Int, _ ttl: Duration) async {
        let name = "\(holder)-\(UInt64.random(in: 0...UInt64.max))"
        do {
            let epoch = try await session.turn(holder: holder, ttl: ttl, waiting: .seconds(60)) { turn in
                for part in 0..<parts {
                    try turn.append(event(name, "staged", part, turn.epoch, parts))
                    try? await Task.sleep(for: .microseconds(Int.random(in: 0...4000)))
                }
                if Bool.random() {
                    // Neither staged nor cancelled with the turn: the fence alone keeps it in its place.
                    await Task { _ = try? await session.append(event(name, "direct", 0, turn.epoch, 1), epoch: turn.epoch) }.value
                }
                return turn.epoch
            }
            // At once: what waits in a buffer is lost with the process.
            let line = Array("\(session.key.id) \(name) \(epoch)\n".utf8)
            _ = write(STDOUT_FILENO, line, line.count)
        } catch {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private static func event(_ turn: String, _ kind: String, _ part: Int, _ epoch: Int, _ parts: Int) throws(StoreError) -> NewEvent {
        NewEvent(try JSON(parsing: #"{"turn":"\#(turn)","part":\#(part),"of":\#(parts),"epoch":\#(epoch)}"#), type: kind)
    }
}
