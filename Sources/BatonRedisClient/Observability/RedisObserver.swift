/// Told of every command, to measure it or to make a span of it. Called on the caller's task; has to be quick.
public protocol RedisObserver: Sendable {
    /// A command begins. What is returned is called when it ends, with its error when it failed; repetitions and redirections lie between.
    /// - Parameter name: the command's name, or `PIPELINE` or `TRANSACTION` for several.
    func commandBegan(_ name: StaticString) -> (RedisError?) -> Void
}
