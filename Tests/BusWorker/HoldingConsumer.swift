import Baton
import BatonCore
import BatonTesting
import Glibc

extension Consumer {
    /// Takes events as ``consume()`` does, and never comes to an end with them: it says on standard output what it began, whose effect it made, and
    /// what it was told to abort.
    func hold() async {
        try? await group.consume(as: name, concurrency: 8) { delivery in
            tell("began", delivery)
            try effects.apply(delivery, of: group)
            tell("applied", delivery)
            do { try await Task.sleep(for: .seconds(600)) } catch {
                tell("aborted", delivery)
                throw error
            }
        }
    }

    /// Works through events, and dies of every poisoned one: no code of its own counts the attempt.
    func die() async {
        try? await group.consume(as: name, concurrency: 1) { delivery in
            tell("began", delivery)
            if delivery.isPoison { kill(getpid(), SIGKILL) }
            try effects.apply(delivery, of: group)
        }
    }

    private func tell(_ what: String, _ delivery: Delivery) {
        let line = Array("\(what) \(delivery.event.ownName) \(delivery.attempt)\n".utf8)
        _ = write(STDOUT_FILENO, line, line.count)
    }
}
