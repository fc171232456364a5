internal import Synchronization

/// A queue into a loop for many senders: messages sent in a burst arrive together, for one wake-up of the loop.
public final class Mailbox<Message: Sendable>: Sendable {
    private let loop: EventLoop
    private let receive: @Sendable ([Message]) -> Void
    private let waiting = Mutex<[Message]>([])

    /// - Parameter receive: called on the loop's thread with all messages that wait, in the order they were sent.
    public init(on loop: EventLoop, _ receive: @escaping @Sendable ([Message]) -> Void) {
        self.loop = loop
        self.receive = receive
    }

    /// Hands `message` over. Any thread.
    public func send(_ message: Message) {
        let first = waiting.withLock { waiting in
            waiting.append(message)
            return waiting.count == 1
        }
        guard first else { return }
        loop.execute {
            self.receive(
                self.waiting.withLock { waiting in
                    let all = waiting
                    waiting = []
                    return all
                })
        }
    }
}
