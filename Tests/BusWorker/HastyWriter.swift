import Baton
import BatonCore
import Glibc

/// Accepts events for four sessions, one after the other in each, and says so, until it is killed.
struct HastyWriter {
    let store: SessionStore
    let name: String

    private static let sessions = 4

    init(_ address: String, spool: String, name: String) async throws {
        let configuration = StoreConfiguration(writeBehind: WriteBehindConfiguration(spool: spool, spoolDurability: .normal))
        store = try await SessionStore.open(address, configuration: configuration, onWriteFailure: { say("failed \($0.error)") })
        self.name = name
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.sessions {
                let session = try store.session("s\(number)", user: "u", app: "faults")
                group.addTask {
                    for count in 1... {
                        let text = "\(name)-\(number)-\(count)"
                        // Half of them have ids of their own.
                        let event = NewEvent(JSON(string: text), id: count.isMultiple(of: 2) ? text : nil)
                        try await session.enqueue(event, creating: true)
                        say("accepted \(session.key.id) \(text)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// One line, in one write.
private func say(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    if write(1, bytes, bytes.count) != bytes.count { exit(74) }
}
