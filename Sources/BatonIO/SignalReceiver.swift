internal import CBatonPlatform
internal import Glibc

/// Receives signals of the process on a loop, as ordinary work, until it is stopped.
///
/// A signal has one receiver at a time: the last one started. Stopping restores what was in force before.
public final class SignalReceiver: @unchecked Sendable {
    // Sendable: the `let`s are Sendable, every `var` is touched on the loop's thread only.

    /// A signal that asks a daemon for something.
    public enum Signal: Int32, Sendable, Hashable, CaseIterable {
        /// SIGHUP: read the configuration again.
        case hangUp = 1
        /// SIGINT: Ctrl-C.
        case interrupt = 2
        /// SIGTERM: shut down in order.
        case terminate = 15
    }

    private let loop: EventLoop
    private let signals: [Signal]
    private let received: @Sendable (Signal) -> Void
    private var readEnd: Int32 = -1
    private var writeEnd: Int32 = -1
    private var watch: Poller.Watch?

    /// Receives `signals` on `loop`.
    ///
    /// - Throws: `tooManyDescriptors`, `shutdown`, `system`.
    public init(_ signals: [Signal], on loop: EventLoop, received: @escaping @Sendable (Signal) -> Void) async throws(IOError) {
        self.loop = loop
        self.signals = signals
        self.received = received
        let failure: IOError? = await loop.run { self.begin() }
        if let failure { throw failure }
    }

    /// Receives no more.
    public func stop() async {
        await loop.run { self.end() }
    }

    private func begin() -> IOError? {
        let action = "receive signals"
        guard !loop.isShutDown else { return IOError(.shutdown, "\(action): the event loop was shut down") }
        var ends: [Int32] = [-1, -1]
        let failure = baton_pipe(&ends)
        guard failure == 0 else { return IOError(errorNumber: failure, while: action) }
        readEnd = ends[0]
        writeEnd = ends[1]
        loop.residents.append(self)
        do {
            watch = try loop.poller.watch(readEnd, for: .read, context: Unmanaged.passUnretained(self).toOpaque()) { _, _, context in
                // The loop holds the receiver in `residents` as long as it has a watch.
                guard let context else { return }
                Unmanaged<SignalReceiver>.fromOpaque(context).takeUnretainedValue().readable()
            }
        } catch {
            end()
            return error
        }
        for signal in signals {
            let failure = baton_deliver_signal(signal.rawValue, writeEnd)
            guard failure == 0 else {
                end()
                return IOError(errorNumber: failure, while: action)
            }
        }
        return nil
    }

    private func end() {
        guard readEnd >= 0 else { return }
        for signal in signals { _ = baton_deliver_signal(signal.rawValue, -1) }
        if let watch { loop.poller.remove(watch) }
        watch = nil
        close(readEnd)
        close(writeEnd)
        readEnd = -1
        writeEnd = -1
        loop.residents.removeAll { $0 === self }
    }

    private func readable() {
        loop.noteActivity()
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(readEnd, &bytes, bytes.count)
        for byte in bytes.prefix(max(0, count)) {
            if let signal = Signal(rawValue: Int32(byte)) { received(signal) }
        }
    }
}

extension SignalReceiver: LoopResident {
    func loopWillEnd() {
        end()
    }
}
