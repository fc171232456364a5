internal import CBatonPlatform

extension Channel {
    /// Bounds what the kernel holds of the output: `sendBuffer` bytes in all (SO_SNDBUF), and `unsent` bytes that have not left yet before the
    /// socket counts as writable again (TCP_NOTSENT_LOWAT). Otherwise a peer that reads nothing hides megabytes there before the backlog
    /// shows anything. A refusal is no reason to do without the connection.
    public func limitKernelBuffers(sendBuffer: Int, unsent: Int) {
        assert(loop.isCurrent)
        guard isOpen else { return }
        _ = baton_set_send_buffer(descriptor, Int32(clamping: sendBuffer))
        _ = baton_set_not_sent_low_watermark(descriptor, Int32(clamping: unsent))
    }
}
