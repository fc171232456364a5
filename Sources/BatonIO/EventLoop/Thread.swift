internal import CBatonPlatform
internal import Glibc

/// A thread of this process that is not part of the cooperative pool, for work that blocks.
public enum Thread {
    /// Runs `body` on a new thread that ends with it.
    ///
    /// - Parameter name: what debuggers and `top -H` show; 15 bytes are kept.
    /// - Throws: `system` when the process may not have another thread.
    public static func start(named name: String, _ body: @escaping @Sendable () -> Void) throws(IOError) {
        let start = Start(name: name, body: body)
        let context = Unmanaged.passRetained(start)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                baton_name_thread(start.name)
                start.body()
                return nil
            }, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw IOError(errorNumber: failure, while: "start the thread \(name)")
        }
        pthread_detach(thread)
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
