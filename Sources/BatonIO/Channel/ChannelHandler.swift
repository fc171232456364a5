/// What a channel tells its user, always on the loop's thread and never from inside a method of the channel: a handler may write or
/// close from any of these without being called again meanwhile.
public protocol ChannelHandler: AnyObject {
    /// Bytes arrived. They are borrowed: what is kept has to be copied.
    func received(_ bytes: RawSpan, on channel: Channel)

    /// The peer will send nothing more (it may still read). Called once; the channel stays open until this side's
    /// output is ended too.
    func inputEnded(on channel: Channel)

    /// The backlog has fallen to the low watermark after it had passed the high one.
    func drained(_ channel: Channel)

    /// `channel.deadline` has passed; it is `.never` again. Checked four times a second.
    func deadlinePassed(on channel: Channel)

    /// The channel is closed. Called once, after which nothing more is; `error` is nil when this side closed it in order.
    func closed(_ channel: Channel, because error: IOError?)
}

extension ChannelHandler {
    /// Does nothing: for a handler that never writes more than it is asked for.
    public func drained(_ channel: Channel) {}

    /// Closes the channel.
    public func deadlinePassed(on channel: Channel) {
        channel.close(because: IOError(.timedOut, "the connection's deadline passed"))
    }
}
