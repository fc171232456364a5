#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The thread behind a stream sink: takes what waits, formats it, writes it. It alone may block on the descriptor.
final class LogWriter: Sendable {
    private let queue: LogQueue
    private let descriptor: Int32
    private let format: LogFormat

    init(queue: LogQueue, descriptor: Int32, format: LogFormat) {
        self.queue = queue
        self.descriptor = descriptor
        self.format = format
    }

    func start() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 256 * 1024)
        defer { pthread_attr_destroy(&attributes) }
        // The thread owns one reference to the writer, and gives it up when the queue is closed and empty.
        let context = Unmanaged.passRetained(self).toOpaque()
        #if canImport(Glibc)
        var thread = pthread_t()
        let status = pthread_create(&thread, &attributes, { context in LogWriter.main(context) }, context)
        #else
        var thread: pthread_t?
        let status = pthread_create(&thread, &attributes, { context in LogWriter.main(context) }, context)
        #endif
        if status != 0 {
            // No thread to be had: the queue stays closed, so that nothing piles up that nobody will write.
            Unmanaged<LogWriter>.fromOpaque(context).release()
            queue.close()
        }
    }

    private static func main(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        let writer = Unmanaged<LogWriter>.fromOpaque(context).takeRetainedValue()
        writer.run()
        return nil
    }

    private func run() {
        // Signals belong to the threads that wait for them.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        var lines: [UInt8] = []
        while let work = queue.next() {
            lines.removeAll(keepingCapacity: lines.capacity <= 1 << 20)
            for record in work.records {
                format.append(record, to: &lines)
                // Written in pieces, so that a full queue of long records does not double in memory.
                if lines.count >= 64 * 1024 {
                    write(lines)
                    lines.removeAll(keepingCapacity: true)
                }
            }
            if work.drops > 0 {
                format.append(
                    LogRecord(
                        milliseconds: WallClock.milliseconds, level: .warning, label: "log",
                        message: "records dropped: the log could not be written fast enough", metadata: ["dropped": .int(work.drops)]),
                    to: &lines)
            }
            write(lines)
            queue.didWrite(work.records.count)
            for timer in work.due { timer.body() }
        }
    }

    /// Writes everything, waiting where it must. A descriptor that is gone takes nothing: there is nobody left to tell.
    private func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            var offset = 0
            while offset < bytes.count {
                #if canImport(Glibc)
                let count = Glibc.write(descriptor, base + offset, bytes.count - offset)
                #else
                let count = Darwin.write(descriptor, base + offset, bytes.count - offset)
                #endif
                if count > 0 {
                    offset += count
                } else if count < 0, errno == EAGAIN {
                    // Standard error may be shared with a process that made it non-blocking.
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, 1000)
                } else if count == 0 || errno != EINTR {
                    return
                }
            }
        }
    }
}
