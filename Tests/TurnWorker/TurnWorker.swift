import Baton
import BatonCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A worker that does one thing in the same sessions as others until it is killed: `TurnWorker turns|tools|approvals ADDRESS APP HOLDER SESSIONS …`.
///
/// What was acknowledged to it is a line on standard output. `TURN_DURABILITY` says when something is: see `Durability`.
@main
enum TurnWorker {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 6, let sessions = Int(arguments[5]) else { return usage() }
        let durability = try getenv("TURN_DURABILITY").map { text in try Durability(String(cString: text)) }
        let store = try await SessionStore.open(arguments[2], configuration: StoreConfiguration(durability: durability))
        let (app, holder, more) = (arguments[3], arguments[4], Array(arguments.dropFirst(6)))
        await withTaskGroup { group in
            for number in 0..<sessions {
                // The names are right.
                guard let session = try? store.session("s\(number)", user: "u", app: app) else { continue }
                switch arguments[1] {
                case "turns":
                    guard more.count == 2, let parts = Int(more[0]), let ttl = Int(more[1]) else { return usage() }
                    let turns = Turns(session: session, holder: holder, parts: parts, ttl: .milliseconds(ttl))
                    group.addTask { await turns.run() }
                case "tools":
                    guard more.count == 2, let hold = Int(more[1]) else { return usage() }
                    let tools = Tools(session: session, holder: holder, effects: more[0], hold: .milliseconds(hold))
                    group.addTask { await tools.run() }
                case "approvals":
                    let approvals = Approvals(store: store, session: session, holder: holder)
                    group.addTask { await approvals.ask() }
                    group.addTask { await approvals.decide() }
                default: return usage()
                }
            }
        }
    }

    private static func usage() {
        print(
            """
            usage: TurnWorker turns ADDRESS APP HOLDER SESSIONS PARTS TTL-MILLISECONDS
                   TurnWorker tools ADDRESS APP HOLDER SESSIONS EFFECTS-FILE HOLD-MILLISECONDS
                   TurnWorker approvals ADDRESS APP HOLDER SESSIONS
            """)
    }

    /// Writes a line at once and as a whole: what waits in a buffer is lost with the process.
    static func say(_ line: String, to descriptor: Int32 = STDOUT_FILENO) {
        let bytes = Array((line + "\n").utf8)
        _ = write(descriptor, bytes, bytes.count)
    }

    static func pause(_ microseconds: ClosedRange<Int>) async {
        try? await Task.sleep(for: .microseconds(Int.random(in: microseconds)))
    }
}
