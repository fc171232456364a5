import Baton
import BatonCore
import BatonTesting
import Glibc

/// A process that writes to topics and sessions, or works as a consumer, until it is killed; it says everything that it does in a file.
///
/// `BusWorker publish|append|receive|consume|hold|die ADDRESS DURABILITY NAME SEED HISTORY`, for consumers followed by `TOPIC GROUP LEASE-MILLISECONDS EFFECTS`.
/// `BusWorker enqueue ADDRESS - NAME SEED SPOOL` writes behind, and says on its output what was accepted.
@main
enum BusWorker {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 6, let seed = UInt64(arguments[4]) else { return usage() }
        if arguments[0] == "enqueue" { return try await HastyWriter(arguments[1], spool: arguments[5], name: arguments[3]).run() }
        let history = try HistoryFile(arguments[5])
        let configuration = StoreConfiguration(durability: arguments[2] == "-" ? nil : try Durability(arguments[2]))
        let store = try await open(arguments[1], configuration)
        let writer = Writer(store: store, name: arguments[3], history: history, random: SplitMix64(seed: seed))
        switch arguments[0] {
        case "publish": await writer.publish(to: "t")
        case "append": await writer.append()
        case "receive", "consume", "hold", "die":
            guard arguments.count == 10, let lease = Int(arguments[8]) else { return usage() }
            let consumer = try Consumer(
                group: store.topic(arguments[6]).group(arguments[7]), name: arguments[3], history: history, effects: EffectFile(arguments[9]),
                lease: lease, random: SplitMix64(seed: seed))
            switch arguments[0] {
            case "receive": await consumer.receive()
            case "hold": await consumer.hold()
            case "die": await consumer.die()
            default: await consumer.consume()
            }
        default: usage()
        }
    }

    private static func usage() {
        print(
            "usage: BusWorker publish|append|receive|consume|hold|die ADDRESS DURABILITY NAME SEED HISTORY [TOPIC GROUP LEASE-MILLISECONDS EFFECTS]")
    }

    /// The server may be away at this very moment.
    private static func open(_ address: String, _ configuration: StoreConfiguration) async throws -> SessionStore {
        while true {
            do throws(StoreError) { return try await SessionStore.open(address, configuration: configuration) } catch {
                guard error.isRetryable else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}

/// Where a process says what it does, one line at a time, each in one write: what is killed in between has said all but its last word.
final class HistoryFile: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXFailure(number: errno) }
    }

    func say(_ lines: [BusHistory.Line]) {
        let bytes = Array(lines.map(\.text).joined().utf8)
        guard !bytes.isEmpty, write(descriptor, bytes, bytes.count) != bytes.count else { return }
        // A history with holes would prove nothing.
        exit(74)
    }
}

struct POSIXFailure: Error { let number: Int32 }

/// Nanoseconds of the machine's monotonic clock.
func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
